//~ Sealed` is not satisfied

struct Mine;

impl executor_core::Job for Mine {
    type Output = u32;
    fn run(self) -> u32 {
        1
    }
}

impl executor_core::Portable for Mine {
    fn wire(&self, _: &impl executor_core::Remake) -> impl serde::Serialize {
        1
    }

    fn rebuild<'de, D, R>(_: D, _: &R) -> Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
        R: executor_core::Remake,
    {
        Ok(Mine)
    }
}

fn main() {}
