//~ `Call<fn() -> u32, ()>: serde::de::DeserializeOwned` is not satisfied

fn read<T: serde::de::DeserializeOwned>() {}

fn main() {
    read::<executor_core::Call<fn() -> u32, ()>>();
}
