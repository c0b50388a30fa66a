//! Numbers with as many digits as a person reads.

/// A number with about three significant digits; no decimals from 100 on.
pub(crate) fn three_digits(value: f64) -> String {
    // By what rounding makes of it, so that 9.996 is 10.0 and not 10.00.
    let size = value.abs();
    if size < 9.995 {
        format!("{value:.2}")
    } else if size < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// Seconds, shown as a number of milliseconds without unit.
pub(crate) fn milliseconds(seconds: f64) -> String {
    three_digits(seconds * 1000.0)
}

/// Something per second, without unit.
pub(crate) fn rate(per_second: f64) -> String {
    three_digits(per_second)
}

/// A length of time with its unit: `20 ms`, `0.12 s`, `42.5 s`, `3 min 20 s`, `2 h 05 min`.
pub fn seconds(seconds: f64) -> String {
    if seconds.abs() < 0.0995 {
        return format!("{:.0} ms", seconds * 1000.0);
    }
    if seconds < 99.95 {
        return format!("{} s", three_digits(seconds));
    }
    let whole = seconds.round() as u64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours == 0 {
        format!("{minutes} min {rest:02} s")
    } else {
        format!("{hours} h {minutes:02} min")
    }
}

/// A time since something began, to the millisecond: `00:12.345`, `1:00:31.200`.
pub(crate) fn clock(seconds: f64) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    let whole = (seconds.abs() * 1000.0).round() as u64;
    let (hours, minutes, rest) = (whole / 3_600_000, whole / 60_000 % 60, whole % 60_000);
    let (seconds, milliseconds) = (rest / 1000, rest % 1000);
    if hours == 0 {
        format!("{sign}{minutes:02}:{seconds:02}.{milliseconds:03}")
    } else {
        format!("{sign}{hours}:{minutes:02}:{seconds:02}.{milliseconds:03}")
    }
}

/// A size in bytes, in the units of memory and disks: `512 B`, `1.5 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut size = bytes as f64;
    let mut unit = "B";
    for larger in UNITS {
        if size < 1024.0 {
            break;
        }
        size /= 1024.0;
        unit = larger;
    }
    if unit == "B" {
        format!("{bytes} B")
    } else {
        format!("{size:.1} {unit}")
    }
}

/// A number of things: `1 trial`, `3 trials`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_at_every_size() {
        let shown: Vec<String> = [0.000_012, 0.001_234, 0.009_996, 0.043_21, 0.099_96, 0.312_4, 12.3]
            .into_iter()
            .map(milliseconds)
            .collect();
        assert_eq!(shown, ["0.01", "1.23", "10.0", "43.2", "100", "312", "12300"]);
        assert_eq!(rate(1234.5), "1234");
    }

    #[test]
    fn lengths_of_time_change_their_unit() {
        let shown: Vec<String> = [0.0, 0.0203, 0.0996, 0.119, 42.46, 99.96, 200.0, 3599.9, 7512.0]
            .into_iter()
            .map(seconds)
            .collect();
        assert_eq!(
            shown,
            [
                "0 ms",
                "20 ms",
                "0.10 s",
                "0.12 s",
                "42.5 s",
                "1 min 40 s",
                "3 min 20 s",
                "1 h 00 min",
                "2 h 05 min"
            ]
        );
        assert_eq!(seconds(-0.5), "-0.50 s");
    }

    #[test]
    fn clocks_and_sizes() {
        let shown: Vec<String> = [0.0, 12.3454, 3631.2, -0.5].into_iter().map(clock).collect();
        assert_eq!(shown, ["00:00.000", "00:12.345", "1:00:31.200", "-00:00.500"]);
        let shown: Vec<String> = [0, 1023, 1536, 8 << 30, u64::MAX]
            .into_iter()
            .map(bytes)
            .collect();
        assert_eq!(shown, ["0 B", "1023 B", "1.5 KiB", "8.0 GiB", "16384.0 PiB"]);
    }
}
