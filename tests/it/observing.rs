//! The example `observe`: its pages by HTTP, and the live one in a browser, where there is one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::examples::example;
use crate::support::{Directory, eventually, program, within_patience};

/// The running example. Killed when dropped.
struct Service {
    child: Child,
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Service {
    fn start() -> Self {
        let mut child = example("observe")
            .arg("0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it can be started");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it is text");
        let address = line.strip_prefix("observe: http://").and_then(|rest| rest.strip_suffix("/\n"));
        let address = address.and_then(|address| address.parse().ok());
        Self { child, stdout, address: address.unwrap_or_else(|| panic!("no address: {line}")) }
    }

    /// The head and the body of a response.
    fn ask(&self, method: &str, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it reads");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("it answers");
        let (head, body) = response.split_once("\r\n\r\n").expect("a response has a head");
        (head.to_owned(), body.to_owned())
    }

    /// The body at `path`, which is of this `kind`.
    fn get(&self, path: &str, kind: &str) -> String {
        let (head, body) = self.ask("GET", path);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {head}");
        assert!(head.contains(&format!("content-type: {kind}")), "{path}: {head}");
        body
    }

    fn stats(&self) -> Value {
        serde_json::from_str(&self.get("/stats.json", "application/json")).expect("it is JSON")
    }

    /// Until jobs of both pools have completed, and one has failed.
    fn until_jobs_have_run(&self) {
        let count = |stats: &Value, key: &str| stats["stats"][key].as_u64().expect("it is a number");
        eventually("jobs have run", || {
            let pools = self.stats()["pools"].as_array().expect("there are pools").clone();
            pools.iter().all(|pool| count(pool, "completed") > 0)
                && pools.iter().any(|pool| count(pool, "panicked") + count(pool, "timed_out") > 0)
        });
    }

    /// Asks it to end, and returns the rest of its output.
    fn end(mut self) -> String {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("it is text");
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}: {rest}");
        rest
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn service_tells_of_its_pools_by_http() {
    within_patience(|| {
        let service = Service::start();
        service.until_jobs_have_run();
        let stats = service.stats();
        let pools = stats["pools"].as_array().expect("there are pools");
        let names: Vec<_> = pools.iter().map(|pool| &pool["name"]).collect();
        assert_eq!(names, ["web", "parse"]);
        assert!(stats["uptime"].as_f64().is_some_and(|uptime| uptime > 0.0));
        for pool in pools {
            let stats = &pool["stats"];
            assert!(stats["run"]["p99"].as_f64() >= stats["run"]["p50"].as_f64(), "{stats}");
            assert!(stats["insights"]["slowest"][0]["tag"].as_str().is_some_and(|tag| tag.starts_with("request ")));
            assert!(stats["insights"]["workers"][0]["jobs"].is_u64() && pool["running"].is_array(), "{pool}");
        }
        assert!(pools[1]["stats"]["insights"]["workers"][0]["pid"].is_u64(), "{}", pools[1]);

        let metrics = service.get("/metrics", "text/plain; version=0.0.4");
        for sample in [
            "# TYPE executor_job_duration histogram\n",
            "executor_jobs{pool=\"web\",outcome=\"completed\"} ",
            "executor_job_wait_time_bucket{pool=\"parse\",le=\"0.001\"} ",
            "executor_worker_max{pool=\"parse\"} 2\n",
        ] {
            assert!(metrics.contains(sample), "{sample}: {metrics}");
        }
        let dump = service.get("/dump", "text/plain");
        assert!(dump.contains("web") && dump.contains("parse"), "{dump}");
        let page = service.get("/", "text/html");
        assert!(page.starts_with("<!doctype html>") && !page.contains("://cdn") && !page.contains("src=\"http"));

        assert!(service.ask("GET", "/nowhere").0.starts_with("HTTP/1.1 404 "));
        let (refused, _) = service.ask("POST", "/stats.json");
        assert!(refused.starts_with("HTTP/1.1 405 ") && refused.contains("allow: GET"), "{refused}");
        let rest = service.end();
        for name in ["web", "parse"] {
            let line = rest.lines().find(|line| line.starts_with(&format!("{name}: ")));
            assert!(line.is_some_and(|line| line.ends_with(" 0 still running")), "{rest}");
        }
    });
}

/// The page's elements, as a browser has them after some seconds of its own time. `None` where there is no browser.
fn rendered(url: &str) -> Option<String> {
    let directory = Directory::new();
    let is_there = Command::new("chromium").arg("--version").output().is_ok_and(|output| output.status.success());
    if !is_there {
        return None;
    }
    let mut browser = Command::new("chromium");
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=3000", "--dump-dom"]);
    browser.arg(format!("--user-data-dir={}", directory.path().display())).arg(url);
    let output = program::output(&mut browser);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("a page is text"))
}

/// The text of the first element behind `attribute` after the place of `behind`.
fn text<'a>(page: &'a str, behind: &str, attribute: &str) -> &'a str {
    let after = |text: &'a str, part: &str| text.split_once(part).map(|(_, rest)| rest);
    let found = after(page, behind).and_then(|rest| after(rest, attribute)).and_then(|rest| after(rest, ">"));
    let text = found.and_then(|rest| rest.split_once('<')).map(|(text, _)| text);
    text.unwrap_or_else(|| panic!("no {attribute} behind {behind}: {page}"))
}

#[test]
fn page_shows_live_numbers_in_a_browser() {
    within_patience(|| {
        let service = Service::start();
        service.until_jobs_have_run();
        let Some(page) = rendered(&format!("http://{}/", service.address)) else { return };
        for pool in ["data-pool=\"web\"", "data-pool=\"parse\""] {
            let done: u64 = text(&page, pool, "data-fact=\"done\"").replace(',', "").parse().expect("it is a number");
            assert!(done > 0, "{page}");
            assert!(text(&page, pool, "data-fact=\"per second\"").parse::<f64>().is_ok(), "{page}");
        }
        assert!(text(&page, "id=\"state\"", "").starts_with("up 0:"), "{page}");
        assert!(page.contains("[request ") && page.contains("web-0") && page.contains("<path class=\"curve\" d=\"M"));
        service.end();
    });
}
