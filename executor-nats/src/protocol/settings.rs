//! The settings of a namespace that its streams have: a program takes them over, and is refused if it wants others.

use std::time::Duration;

use async_nats::jetstream::stream::Config;

use super::names::Names;
use crate::error::ConnectError;
use crate::namespace::Wanted;

const HOUR: Duration = Duration::from_secs(3600);

/// Where the stream of jobs has the lease, which is no setting of a stream. In milliseconds.
const LEASE: &str = "executor-lease-ms";

/// No limit, on the server.
const UNLIMITED: i64 = -1;

/// The settings of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) replicas: usize,
    pub(crate) capacity: Option<usize>,
    pub(crate) lease: Duration,
    pub(crate) keep_jobs: Duration,
    pub(crate) keep_outcomes: Duration,
}

impl Settings {
    /// The wishes of the program, and the defaults.
    pub(super) fn new(wanted: &Wanted) -> Self {
        let keep_jobs = wanted.keep_jobs.unwrap_or(24 * HOUR);
        Self {
            replicas: wanted.replicas.unwrap_or(1),
            capacity: wanted.capacity,
            lease: wanted.lease.unwrap_or(Duration::from_secs(10)),
            keep_jobs,
            keep_outcomes: wanted.keep_outcomes.unwrap_or(keep_jobs.max(48 * HOUR)),
        }
    }

    pub(super) fn write_jobs(&self, to: &mut Config) {
        to.max_messages = self.capacity.and_then(|jobs| i64::try_from(jobs).ok()).unwrap_or(UNLIMITED);
        to.max_age = age(self.keep_jobs);
        to.num_replicas = self.replicas;
        to.metadata.insert(LEASE.to_owned(), self.lease.as_millis().to_string());
    }

    pub(super) fn write_ledger(&self, to: &mut Config) {
        to.max_age = age(self.keep_outcomes);
        to.num_replicas = self.replicas;
    }

    /// Takes over what the stream of jobs has.
    pub(super) fn read_jobs(&mut self, found: &Config, wanted: &Wanted) {
        self.replicas = found.num_replicas;
        self.capacity = usize::try_from(found.max_messages).ok().filter(|jobs| *jobs > 0);
        self.keep_jobs = kept(found.max_age);
        if wanted.keep_outcomes.is_none() {
            self.keep_outcomes = self.keep_outcomes.max(self.keep_jobs);
        }
        // The servers before 2.10 keep no such notes.
        let lease = found.metadata.get(LEASE).and_then(|lease| lease.parse().ok());
        self.lease = lease.map_or(self.lease, Duration::from_millis);
    }

    /// Takes over what the ledger has.
    pub(super) fn read_ledger(&mut self, found: &Config) {
        self.keep_outcomes = kept(found.max_age);
    }

    /// Checks that these are the settings that the program wants, and that no job can run twice.
    pub(super) fn check(&self, wanted: &Wanted, names: &Names) -> Result<(), ConnectError> {
        let (jobs, ledger) = (names.jobs_stream(), names.ledger_stream());
        let large = format!("OBJ_{}", names.large_bucket());
        let number = |number: usize| number.to_string();
        let equal = |setting: &str, wants: Option<String>, has: String, option: &str, streams: &[&str]| match wants {
            Some(wants) if wants != has => Err(differs(names.namespace(), setting, &wants, &has, option, streams)),
            _ => Ok(()),
        };
        let all = [&*jobs, &*ledger, &*large];
        equal("replicas", wanted.replicas.map(number), number(self.replicas), "replicas=", &all)?;
        let capacity = self.capacity.map_or_else(|| "unlimited".to_owned(), number);
        equal("capacity", wanted.capacity.map(number), capacity, "max-msgs=", &all[..1])?;
        let lease = |lease: Duration| format!("{} ms", lease.as_millis());
        equal("lease", wanted.lease.map(lease), lease(self.lease), &format!("metadata={LEASE}="), &all[..1])?;
        equal("keep_jobs", wanted.keep_jobs.map(shown), shown(self.keep_jobs), "max-age=", &all[..1])?;
        equal("keep_outcomes", wanted.keep_outcomes.map(shown), shown(self.keep_outcomes), "max-age=", &all[1..])?;
        if self.keep_outcomes < self.keep_jobs {
            return Err(ConnectError::Setting(format!(
                "outcomes are kept for {}, and jobs for {}; keep outcomes as long as jobs, so that no job can run twice",
                shown(self.keep_outcomes),
                shown(self.keep_jobs)
            )));
        }
        Ok(())
    }
}

fn differs(namespace: &str, setting: &str, wants: &str, has: &str, option: &str, streams: &[&str]) -> ConnectError {
    let value = wants.strip_suffix(" ms").unwrap_or(wants);
    let commands = streams.iter().map(|stream| format!("`nats stream edit {stream} --{option}{value}`"));
    let commands: Vec<_> = commands.collect();
    ConnectError::Setting(format!(
        "in the namespace `{namespace}`, `{setting}` is {has}, and this program sets {wants}; set the same in all programs, or leave it \
         out to take over what the namespace has; to change it for all, end the programs, and run {}",
        commands.join(" and ")
    ))
}

/// The longest time is no limit, which is 0 for a server.
fn age(time: Duration) -> Duration {
    if time == Duration::MAX { Duration::ZERO } else { time }
}

fn kept(age: Duration) -> Duration {
    if age.is_zero() { Duration::MAX } else { age }
}

fn shown(time: Duration) -> String {
    if time == Duration::MAX { "unlimited".to_owned() } else { format!("{time:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new("n", "b".to_owned())
    }

    /// The settings that a program finds, which wants `wanted`, in streams that were made for `maker`.
    fn found(maker: &Wanted, wanted: &Wanted) -> Result<Settings, String> {
        let made = Settings::new(maker);
        let (mut jobs, mut ledger) = (Config::default(), Config::default());
        made.write_jobs(&mut jobs);
        made.write_ledger(&mut ledger);
        let mut settings = Settings::new(wanted);
        settings.read_jobs(&jobs, wanted);
        settings.read_ledger(&ledger);
        settings.check(wanted, &names()).map(|()| settings).map_err(|error| error.to_string())
    }

    fn all() -> Wanted {
        Wanted {
            replicas: Some(3),
            capacity: Some(7),
            lease: Some(Duration::from_micros(5_000_100)),
            keep_jobs: Some(HOUR),
            keep_outcomes: Some(HOUR * 2),
        }
    }

    #[test]
    fn unset_settings_are_taken_over() {
        let settings = found(&all(), &Wanted::default()).unwrap();
        let lease = Duration::from_secs(5);
        assert_eq!(settings, Settings { lease, ..Settings::new(&all()) });
        assert_eq!(found(&all(), &all()).unwrap(), settings);
        let defaults = Settings::new(&Wanted::default());
        assert_eq!(found(&Wanted::default(), &Wanted::default()).unwrap(), defaults);
        assert_eq!((defaults.lease, defaults.keep_outcomes), (Duration::from_secs(10), 48 * HOUR));
    }

    #[test]
    fn other_settings_are_refused_with_both_values() {
        let (none, all) = (Wanted::default(), all());
        for (wanted, texts) in [
            (Wanted { replicas: all.replicas, ..none }, ["`replicas` is 1", "sets 3", "OBJ_executor_n --replicas=3"]),
            (
                Wanted { capacity: all.capacity, ..none },
                ["`capacity` is unlimited", "sets 7", "executor_n_jobs --max-msgs=7"],
            ),
            (
                Wanted { lease: all.lease, ..none },
                ["`lease` is 10000 ms", "sets 5000 ms", "--metadata=executor-lease-ms=5000"],
            ),
            (Wanted { keep_jobs: all.keep_jobs, ..none }, ["86400s", "sets 3600s", "executor_n_jobs --max-age=3600s"]),
            (Wanted { keep_outcomes: Some(30 * HOUR), ..none }, ["172800s", "108000s", "executor_n_ledger --max-age="]),
        ] {
            let error = found(&none, &wanted).unwrap_err();
            assert!(texts.iter().all(|text| error.contains(text)), "{error}");
            assert!(error.starts_with("in the namespace `n`, `"), "{error}");
        }
    }

    #[test]
    fn outcomes_outlive_jobs() {
        let long = Wanted { keep_jobs: Some(100 * HOUR), ..Wanted::default() };
        assert_eq!(found(&long, &long).unwrap().keep_outcomes, 100 * HOUR);
        let short = Wanted { keep_outcomes: Some(HOUR), ..Wanted::default() };
        assert!(found(&short, &short).unwrap_err().contains("keep outcomes as long as jobs"));
        let mut settings = Settings::new(&short);
        settings.read_jobs(&Config { max_age: HOUR, ..Config::default() }, &short);
        assert!(settings.check(&short, &names()).is_ok(), "the jobs of this namespace are kept for less");
    }

    #[test]
    fn no_limit_of_the_server_is_one() {
        let mut settings = Settings::new(&Wanted::default());
        settings.read_jobs(&Config::default(), &Wanted::default());
        settings.read_ledger(&Config::default());
        assert_eq!(
            (settings.capacity, settings.keep_jobs, settings.keep_outcomes),
            (None, Duration::MAX, Duration::MAX)
        );
        let mut config = Config { max_age: HOUR, ..Config::default() };
        settings.write_jobs(&mut config);
        assert_eq!(config.max_age, Duration::ZERO);
    }
}
