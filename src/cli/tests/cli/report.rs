//! `report` of a run that has no result.

use serde_json::{Value, json};

use crate::common::World;
use crate::history::{RUN, resumed};

#[test]
fn a_tool_that_nobody_knows_is_refused() {
    let world = World::with_recipe();
    resumed(&world);
    world
        .run(&["report", RUN, "--definitions", "locust"])
        .expect_refused(2, &["locust", "vllm, aiperf, guidellm, mlperf"]);
}

#[test]
fn a_run_without_a_result_has_no_metrics_of_other_tools_either() {
    let world = World::with_recipe();
    resumed(&world);
    for tool in ["vllm", "aiperf", "guidellm", "mlperf"] {
        let text = world.run(&["report", RUN, "--definitions", tool]);
        assert_eq!((text.code, text.stderr.as_str()), (Some(0), ""), "{text:?}");
        assert!(text.stdout.ends_with("\n  not run\n"), "{text:?}");
        let document = world.run(&["report", RUN, "--definitions", tool, "--format", "json"]);
        let document: Value = serde_json::from_str(&document.stdout).unwrap();
        assert_eq!(
            (&document["definitions"], &document["trials"]),
            (&json!(tool), &json!([]))
        );
    }
}
