//! What is set on the command line.

use super::{MINIMAL, found};
use crate::Code;
use crate::testing::check_with;

#[test]
fn overrides_are_checked_like_the_file() {
    let fine = check_with(
        MINIMAL.as_bytes(),
        &[
            "workload.load.concurrency=20",
            "sweep.matrix={workload.warmup: [1s, 2s]}",
        ],
    );
    assert_eq!(found(&fine), []);
    assert_eq!(fine.plan.unwrap().trials.len(), 2);
    for (text, code, column) in [
        ("workload.load.concurrency=many", Code::WrongType, 27),
        ("workload.load.concurency=5", Code::UnknownKey, 1),
        ("workload.load.concurrency", Code::Override, 1),
        ("workload..load=1", Code::Override, 1),
        ("workload.duration.x=1", Code::Override, 1),
        ("service.environment.HF_TOKEN=hf_x", Code::SecretName, 1),
        ("service.environment={HF_TOKEN: hf_x}", Code::SecretName, 22),
        (
            "sweep.matrix.service.environment.API_KEY=[x]",
            Code::SecretName,
            1,
        ),
        ("sweep.zip.7=1", Code::Override, 1),
        ("workload.load={shape: [}", Code::Override, 23),
    ] {
        let checked = check_with(MINIMAL.as_bytes(), &[text]);
        let places: Vec<_> = checked
            .diagnostics
            .iter()
            .map(|d| (d.code, d.column, d.in_override()))
            .collect();
        if text.contains("sweep.zip.7") {
            assert_eq!(checked.diagnostics.len(), 1, "{text}: {:#?}", checked.diagnostics);
            continue;
        }
        assert_eq!(
            places,
            [(code, column, Some(0))],
            "{text}: {:#?}",
            checked.diagnostics
        );
        assert!(checked.plan.is_none());
    }
}
