//! The pictures.

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::svg::{self, page, words};
use super::super::timeline::{Memory, State, Timeline};
use super::xml::Element;
use super::{HOUR, MS, any_timeline, bar, busy, named, timeline};

/// Draws, and checks what holds for every picture.
fn drawn(timeline: &Timeline) -> Element {
    let text = svg::draw(timeline);
    assert_eq!(text, svg::draw(timeline), "drawn the same again");
    let root = Element::parse(&text);
    let page = [root.number("width"), root.number("height")];
    for element in root.all() {
        for (name, value) in &element.attributes {
            assert!(!value.contains("NaN") && !value.contains("inf"), "{name}={value}");
        }
    }
    for rect in root.named("rect").filter(|rect| rect.class() != "paper") {
        let [x, y, width, height] = ["x", "y", "width", "height"].map(|name| rect.number(name));
        assert!(x >= 0.0 && x + width <= page[0] && y >= 0.0 && y + height <= page[1], "off the page: {rect:?}");
        assert!(width > 0.0 && height > 0.0, "not to be seen: {rect:?}");
    }
    check_texts(&root, page);
    root
}

/// Where texts are: left, right, top, bottom.
fn check_texts(root: &Element, page: [f64; 2]) {
    let mut boxes: Vec<([f64; 4], &str)> = Vec::new();
    for text in root.named("text") {
        let size = match text.class() {
            "title" => page::Font::Title,
            class if class.starts_with("in ") => page::Font::Small,
            _ => page::Font::Text,
        };
        let (x, y, size) = (text.number("x"), text.number("y"), size.size());
        let width = words::width(&text.text) * size;
        let x = match text.attributes.get("text-anchor").map(String::as_str) {
            Some("end") => x - width,
            Some("middle") => x - width / 2.0,
            _ => x,
        };
        let right = x + width;
        assert!(x >= -0.01 && right <= page[0] + 0.01 && y >= size * 0.7 && y <= page[1], "off the page: {text:?}");
        boxes.push(([x, right, y - 0.7 * size, y], &text.text));
    }
    for (index, (one, text)) in boxes.iter().enumerate() {
        for (other, other_text) in &boxes[..index] {
            let is_apart =
                one[0] >= other[1] - 0.01 || other[0] >= one[1] - 0.01 || one[2] >= other[3] || other[2] >= one[3];
            assert!(is_apart, "{text:?} and {other_text:?} overlap");
        }
    }
}

/// How many jobs are in the rectangles of each state, as their tooltips tell.
fn counted(root: &Element) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for group in root.named("g") {
        for title in group.named("title") {
            let several = title.text.split_once(" jobs ").and_then(|(number, _)| number.replace(',', "").parse().ok());
            *counts.entry(group.class().to_owned()).or_default() += several.unwrap_or(1);
        }
    }
    counts
}

fn texts(root: &Element) -> Vec<&str> {
    root.named("text").map(|text| text.text.as_str()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_recording_is_drawn(timeline in any_timeline()) {
        drawn(&timeline);
    }
}

#[test]
fn a_picture_without_jobs_says_so() {
    let root = drawn(&timeline(250 * MS, Vec::new()));
    assert_eq!(root.named("g").count(), 0);
    assert!(texts(&root).contains(&"no job ran in 250 ms"), "{:?}", texts(&root));
    // Of some lengths, two times would have the place of one.
    (0..100).for_each(|length| drop(drawn(&timeline(length, Vec::new()))));
}

#[test]
fn a_job_has_bar_label_and_tooltip() {
    let one = named("parse page", "exec-3", [0, 200 * MS, 900 * MS], State::Panicked);
    let place = one.job.place.expect("known");
    let root = drawn(&timeline(1_000 * MS, vec![one]));
    let bars: Vec<_> = root.named("g").flat_map(|group| group.named("rect")).collect();
    let title = format!("parse page\npanicked, job #7\nwaited 200 ms, ran 700 ms\nsubmitted at {place}");
    assert_eq!((bars.len(), &bars[0].children[0].text), (1, &title));
    let texts = texts(&root);
    for text in ["exec-3", "parse page", "1 panicked", "1 job in 1 s, on 1 worker that had a job 70 % of the time"] {
        assert!(texts.contains(&text), "{text} is not in {texts:?}");
    }
    assert!(!texts.iter().any(|text| text.contains("completed")), "the legend has only what occurs");
    let plot = 664.0 - bars[0].number("x");
    assert!((bars[0].number("width") / plot - 7.0 / 8.0).abs() < 0.01, "{:?}", bars[0]);
}

#[test]
fn jobs_inside_of_jobs_have_rows_below() {
    let outer = named("outer", "w", [0, 0, 1_000 * MS], State::Completed);
    let inner = named("inner", "w", [0, 100 * MS, 900 * MS], State::Completed);
    let root = drawn(&timeline(1_000 * MS, vec![inner, outer]));
    let y = |name: &str| root.named("text").find(|text| text.text == name).expect("a label").number("y");
    assert!(y("inner") > y("outer") + 13.0);
}

#[test]
fn a_hundred_thousand_jobs_fit_in_a_megabyte() {
    let timeline = busy(100_000);
    let size = svg::draw(&timeline).len();
    assert!(size < 1_000_000, "{size} bytes");
    let root = drawn(&timeline);
    let counts = counted(&root);
    assert_eq!((counts["completed"], counts["panicked"]), (99_898, 102), "all are in some rectangle");
    let failures: Vec<_> =
        root.named("g").filter(|group| group.class() == "panicked").flat_map(|group| group.named("rect")).collect();
    assert!(failures.len() > 90 && failures.iter().all(|rect| rect.number("width") >= 1.0), "failures are to be seen");
}

#[test]
fn many_workers_are_drawn() {
    let workers = |number: i64| {
        let bars = (0..number * 20).map(|n| {
            let state = if n == 20 * number - 1 { State::Crashed } else { State::Completed };
            bar(&format!("worker-{}", n / 20), [0, n % 20 * MS, (n % 20 + 1) * MS], state)
        });
        timeline(20 * MS, bars.collect())
    };
    let root = drawn(&workers(256));
    assert_eq!(counted(&root)["completed"], 256 * 20 - 1);
    assert!(svg::draw(&workers(256)).len() < 1_000_000);
    let root = drawn(&workers(2_000));
    assert_eq!(counted(&root).values().sum::<usize>(), 512 * 20);
    assert_eq!(counted(&root)["crashed"], 1, "the worker with a failure is shown");
    assert!(texts(&root).iter().any(|text| text.starts_with("512 of 2,000 workers are shown")));
}

#[test]
fn a_microsecond_and_an_hour_are_drawn() {
    let short = bar("a", [0, 0, 1_000], State::Crashed);
    let root = drawn(&timeline(HOUR, vec![short, bar("b", [0, 5, HOUR], State::Running)]));
    let counts = counted(&root);
    assert_eq!((counts["crashed"], counts["running"]), (1, 1));
    let texts = texts(&root);
    assert!(texts.contains(&"60 min") && texts.contains(&"1 still running"), "{texts:?}");
}

#[test]
fn dropped_jobs_are_told() {
    let root = drawn(&Timeline { dropped: 1_234, ..timeline(MS, vec![bar("a", [0, 0, 9], State::Completed)]) });
    let all = texts(&root).join(" ");
    assert!(
        all.contains("1,234 jobs that ended before these are not shown: a recording keeps the last 1,000,000"),
        "{all}"
    );
}

#[test]
fn queue_and_memory_have_panels() {
    let memory = vec![Memory { at: 0, own: 40 << 20, workers: Some(3 << 30) }];
    let jobs = vec![bar("a", [0, 5 * MS, 9 * MS], State::Completed), bar("a", [0, 9 * MS, 10 * MS], State::Completed)];
    let root = drawn(&Timeline { memory, ..timeline(10 * MS, jobs) });
    let texts = texts(&root);
    for text in [
        "Jobs waiting in the queue: at most 2",
        "Memory of this process: at most 40 MiB",
        "of its workers: at most 3 GiB",
    ] {
        assert!(texts.contains(&text), "{text} is not in {texts:?}");
    }
    let area = root.named("path").find(|path| path.class() == "area").expect("the queue");
    // From two jobs down to one in the middle, and to none near the end.
    assert_eq!(area.attributes["d"].matches('V').count(), 2 + 1, "{}", area.attributes["d"]);
}

#[test]
fn numbers_are_written_for_readers() {
    let times = [
        0,
        999,
        1_000,
        999_499,
        999_500,
        1_234_567,
        59_900 * MS,
        60_000 * MS,
        61_000 * MS,
        HOUR,
        100 * HOUR + 60_000 * MS,
    ];
    let texts =
        ["0 ns", "999 ns", "1 µs", "999 µs", "1 ms", "1.23 ms", "59.9 s", "1 min", "1 min 1 s", "1 h", "100 h 1 min"];
    assert_eq!(times.map(words::duration), texts);
    assert_eq!([0, 999, 1_000, 1_234_567_u64].map(words::count), ["0", "999", "1,000", "1,234,567"]);
    assert_eq!(
        [0, 1_023, 1_536, 40 << 20, 1 << 50].map(words::bytes),
        ["0 B", "1 KiB", "1.5 KiB", "40 MiB", "1024 TiB"]
    );
    assert_eq!(words::shortened("abcdefghij", 4.0), "abcd…");
    assert_eq!(words::shortened_in_front("executor-12", 5.0), "…tor-12");
    assert_eq!(words::shortened("abcdefghij", 2.0), "", "too little to say anything");
    for least in [1, 3, 7_000, 40 * MS, 11_000 * MS, 61_000 * MS, HOUR - 1, 3 * HOUR, i64::MAX] {
        let step = words::step(least);
        assert!(step >= least.min(1_000_000 * HOUR) && step / 3 <= least, "{least}: {step}");
    }
}

/// The colours of the theme: of bars, and of the texts on them.
fn contrast(one: &str, other: &str) -> f64 {
    let light = |colour: &str| {
        let digits = colour.trim_start_matches('#');
        let digits = if digits.len() == 3 { digits.chars().flat_map(|c| [c, c]).collect() } else { digits.to_owned() };
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&digits[at..at + 2], 16).expect("a colour")) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
    };
    let (one, other) = (light(one), light(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// By WCAG 2.2: 3 for graphics, 4.5 for text.
#[test]
fn colours_are_legible_in_light_and_dark() {
    let (light, dark) = page::STYLE.split_once("@media").expect("two themes");
    for theme in [light, dark] {
        // The last rule that names the class counts.
        let fill = |class: &str| {
            let rules = theme.split('}').filter_map(|rule| rule.rsplit_once('{'));
            let mut of_class = rules.filter(|(names, _)| {
                names.rsplit('{').next().is_some_and(|names| names.split(',').any(|name| name == class))
            });
            let (_, rule) = of_class.next_back().unwrap_or_else(|| panic!("{class} has no colour"));
            rule.split(';').find_map(|part| part.strip_prefix("fill:")).expect("a fill")
        };
        let paper = fill(".paper");
        assert!(contrast(fill("text"), paper) > 7.0 && contrast(fill(".note"), paper) > 4.5);
        for state in State::ALL {
            let bar = fill(&format!(".{}", state.class()));
            assert!(state == State::Running || contrast(bar, paper) >= 3.0, "{state:?}");
            assert!(contrast(bar, fill(&format!(".on-{}", state.class()))) >= 4.5, "the text on {state:?}");
        }
    }
}
