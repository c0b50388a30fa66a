use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn topic() -> impl Strategy<Value = Topic> {
    let node = || "[a-z0-9_-]{1,64}".prop_map(|text| text.parse::<NodeId>().unwrap());
    let actor = || select(ACTORS.to_vec());
    prop_oneof![
        "[a-z0-9_]{1,20}(\\.[a-z0-9_]{1,20}){0,2}".prop_map(|text| Topic::Event(text.parse().unwrap())),
        (node(), actor()).prop_map(|(node, actor)| Topic::Command(node, actor)),
        (node(), actor()).prop_map(|(node, actor)| Topic::Report(node, actor)),
        node().prop_map(Topic::Receipt),
        Just(Topic::Cancel),
        Just(Topic::Ping),
        node().prop_map(Topic::Heartbeat),
        (select(LogCategory::ALL.to_vec()), node()).prop_map(|(category, node)| Topic::Log(category, node)),
        node().prop_map(Topic::Metric),
    ]
}

proptest! {
    #[test]
    fn every_subject_reads_back(run in "[a-z0-9_-]{1,64}", topic in topic()) {
        let subject = topic.of(&run.parse().unwrap());
        prop_assert_eq!(subject.to_string().parse(), Ok(subject));
    }

    #[test]
    fn any_text_parses_or_is_refused(text in "[hpcbenrud.*> _a-z]{0,60}") {
        if let Ok(subject) = text.parse::<Subject>() {
            prop_assert_eq!(subject.to_string(), text);
        }
    }
}

#[test]
fn refuses_what_is_near() {
    for text in [
        "",
        "hpcbench",
        "hpcbench.r.event",
        "hpcbench.r.event.",
        "hpcbench.r.event.a..b",
        "hpcbench.r.event.>",
        "hpcbench.r.command.n1",
        "hpcbench.r.command.n1.nobody",
        "hpcbench.r.command.n1.supervisor.more",
        "hpcbench.r.command.*.supervisor",
        "hpcbench.R.heartbeat.n1",
        "hpcbench.r.heartbeat.n1.n2",
        "hpcbench.r.control.stop",
        "hpcbench.r.receipt.n1.supervisor",
        "other.r.metric.n1",
    ] {
        assert!(text.parse::<Subject>().is_err(), "{text}");
    }
    assert!(
        "a".repeat(MAX_EVENT_TYPE_LENGTH + 1)
            .parse::<EventType>()
            .is_err()
    );
}
