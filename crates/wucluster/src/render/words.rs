//! Numbers, spans and times as people read them.

use std::time::Duration;

use jiff::Timestamp as Instant;
use wucluster_core::time::Timestamp;

use super::look::Look;

/// Writes zones after a cloud, with a blank before them: ` eu-central-1a/eu-central-1b`.
pub(crate) fn zones<'a>(zones: impl Iterator<Item = &'a str>) -> String {
    let zones: Vec<&str> = zones.collect();
    if zones.is_empty() { String::new() } else { format!(" {}", zones.join("/")) }
}

/// Writes a span with its two largest units: `22s`, `1m 18s`, `3h 12m`, `1d 4h`.
pub(crate) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m {:02}s", seconds % 60),
        (0, _, _) => format!("{hours}h {minutes:02}m"),
        (1..=99, _, _) => format!("{days}d {hours}h"),
        (_, _, _) => format!("{days}d"),
    }
}

/// Writes a span with its largest unit only: `22s`, `3h`, `9d`.
pub(crate) fn short_span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Writes how long ago something was.
pub(crate) fn ago(then: Timestamp, now: Timestamp) -> String {
    match now.since(then).as_secs() {
        0 => "just now".to_owned(),
        _ => format!("{} ago", short_span(now.since(then))),
    }
}

/// Writes a number with its noun: `1 node`, `4 nodes`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// Writes the time of day, such as `10:42:07`.
pub(crate) fn clock(time: Timestamp, look: &Look) -> String {
    written(time, look, "%H:%M:%S")
}

/// Writes date and time, such as `2026-11-23 10:42`.
pub(crate) fn date(time: Timestamp, look: &Look) -> String {
    written(time, look, "%Y-%m-%d %H:%M")
}

/// Writes date and time to the second, such as `2026-11-23 10:42:07`.
pub(crate) fn moment(time: Timestamp, look: &Look) -> String {
    written(time, look, "%Y-%m-%d %H:%M:%S")
}

fn written(time: Timestamp, look: &Look, format: &str) -> String {
    match Instant::from_millisecond(time.as_millis()) {
        Ok(instant) => instant.to_zoned_datetime(look.zone.clone()).strftime(format).to_string(),
        // A clock beyond the calendar is shown as it came.
        Err(_) => time.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_show_their_two_largest_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m 00s"),
            (78, "1m 18s"),
            (11_520, "3h 12m"),
            (100_800, "1d 4h"),
            (86_400 * 400, "400d"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
        assert_eq!(short_span(Duration::from_secs(4_000)), "1h");
    }

    #[test]
    fn ages_read_like_speech() {
        let at = Timestamp::from_millis;
        assert_eq!(ago(at(1_000), at(1_500)), "just now");
        assert_eq!(ago(at(0), at(3_000)), "3s ago");
        assert_eq!(ago(at(9_000), at(3_000)), "just now");
    }

    #[test]
    fn times_are_told_in_the_zone_of_the_look() {
        let time = Timestamp::from_millis(1_795_430_527_000);
        let look = Look::plain(80);
        assert_eq!(clock(time, &look), "10:42:07");
        assert_eq!(date(time, &look), "2026-11-23 10:42");
    }
}
