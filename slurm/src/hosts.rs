//! Slurm's lists of hosts: `a[1-3,07-09],b`.

/// Longest list that is read, in bytes.
const MAX_TEXT: usize = 256 << 10;

/// Most hosts of a list.
const MAX_HOSTS: usize = 65_536;

/// Longest name of a host.
const MAX_NAME: usize = 255;

/// A text that is no list of hosts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{:?} is not a list of hosts: {fault}", .text.chars().take(120).collect::<String>())]
pub struct InvalidHostList {
    text: String,
    fault: &'static str,
}

/// The hosts of a list, in its order. Numbers keep the width of a range's first one; several brackets in one name
/// multiply, the last of them fastest, as in Slurm.
///
/// # Errors
/// The text is no list, or one of more than 65,536 hosts.
pub fn expand(text: &str) -> Result<Vec<String>, InvalidHostList> {
    let invalid = |fault| InvalidHostList {
        text: text.to_owned(),
        fault,
    };
    if text.len() > MAX_TEXT {
        return Err(invalid("it is too long"));
    }
    let mut hosts = Vec::new();
    for item in items(text).map_err(invalid)? {
        expand_item(item, &mut hosts).map_err(invalid)?;
    }
    Ok(hosts)
}

/// The parts between commas that are in no brackets.
fn items(text: &str) -> Result<Vec<&str>, &'static str> {
    let mut items = Vec::new();
    let (mut start, mut in_brackets) = (0, false);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'[' if in_brackets => return Err("a bracket opens within brackets"),
            b'[' => in_brackets = true,
            b']' if !in_brackets => return Err("a bracket closes that was not opened"),
            b']' => in_brackets = false,
            b',' if !in_brackets => {
                items.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    if in_brackets {
        return Err("a bracket is not closed");
    }
    items.push(&text[start..]);
    Ok(items)
}

/// Adds the hosts of one name with brackets.
fn expand_item(item: &str, hosts: &mut Vec<String>) -> Result<(), &'static str> {
    let mut names = vec![String::new()];
    let room = MAX_HOSTS - hosts.len();
    let mut rest = item;
    while let Some((literal, behind)) = rest.split_once('[') {
        let (ranges, after) = behind.split_once(']').ok_or("a bracket is not closed")?;
        append(&mut names, literal)?;
        let numbers = numbers(ranges)?;
        if names.len().saturating_mul(numbers.len()) > room {
            return Err("it has too many hosts");
        }
        names = names
            .iter()
            .flat_map(|name| numbers.iter().map(move |number| format!("{name}{number}")))
            .collect();
        rest = after;
    }
    append(&mut names, rest)?;
    if names.len() > room {
        return Err("it has too many hosts");
    }
    if names
        .iter()
        .any(|name| name.is_empty() || name.starts_with('-') || name.len() > MAX_NAME)
    {
        return Err("a name is empty, too long or begins with a dash");
    }
    hosts.append(&mut names);
    Ok(())
}

fn append(names: &mut [String], literal: &str) -> Result<(), &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !literal.bytes().all(allowed) {
        return Err("a name has characters that no host's name has");
    }
    for name in names {
        name.push_str(literal);
    }
    Ok(())
}

/// The numbers between brackets, as they are written in names.
fn numbers(ranges: &str) -> Result<Vec<String>, &'static str> {
    let mut numbers = Vec::new();
    for range in ranges.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (low, high) = (number(first)?, number(last)?);
        if high < low {
            return Err("a range ends before it begins");
        }
        if (high - low) as usize >= MAX_HOSTS - numbers.len() {
            return Err("it has too many hosts");
        }
        let width = first.len();
        numbers.extend((low..=high).map(|number| format!("{number:0width$}")));
    }
    Ok(numbers)
}

fn number(text: &str) -> Result<u64, &'static str> {
    let digits = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.ok_or("a range has something else than numbers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn expands_as_slurm_does() {
        for (text, hosts) in [
            ("a", vec!["a"]),
            ("a,b-2.cluster", vec!["a", "b-2.cluster"]),
            ("a[1-3,07-09],b", vec!["a1", "a2", "a3", "a07", "a08", "a09", "b"]),
            ("n[9-11]", vec!["n9", "n10", "n11"]),
            ("n[099-101]-ib", vec!["n099-ib", "n100-ib", "n101-ib"]),
            ("r[1-2]n[1,3]", vec!["r1n1", "r1n3", "r2n1", "r2n3"]),
        ] {
            assert_eq!(expand(text).unwrap(), hosts, "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            ",",
            "a,",
            "a[",
            "a]",
            "a[1",
            "a[[1]]",
            "a[]",
            "a[1-]",
            "a[3-1]",
            "a[x]",
            "a b",
            "a;b",
            "$(touch x)",
            "-w",
            "a[1-99999999]",
            "a[1-300][1-300]",
            "a[1-99999999999999999999]",
            "ä",
        ] {
            assert!(expand(text).is_err(), "{text:?}");
        }
        assert!(expand(&"a,".repeat(MAX_TEXT)).is_err());
    }

    proptest! {
        #[test]
        fn a_range_has_all_its_numbers(low in 0u64..5000, count in 1u64..200, width in 1usize..6) {
            let high = low + count - 1;
            let hosts = expand(&format!("n[{low:0width$}-{high:0width$}]")).unwrap();
            let expected: Vec<String> = (low..=high).map(|number| format!("n{number:0width$}")).collect();
            prop_assert_eq!(hosts, expected);
        }

        #[test]
        fn plain_names_stay(names in prop::collection::vec("[a-z][a-z0-9.-]{0,10}", 1..20)) {
            prop_assert_eq!(expand(&names.join(",")).unwrap(), names);
        }

        #[test]
        fn expanding_never_panics(text in "[a-c0-9,\\[\\]-]{0,40}") {
            if let Ok(hosts) = expand(&text) {
                prop_assert!(hosts.len() <= MAX_HOSTS);
            }
        }

        #[test]
        fn any_text_is_survived(text in ".{0,60}") {
            let _ = expand(&text);
        }
    }
}
