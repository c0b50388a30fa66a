use serde_json::{Value, json};

use super::testing::{example, generic, plan, two_partitions};
use super::*;
use crate::place::Origin;
use crate::site::{Exclusive, Site};

fn laid_out(launch: Value, nodes: Value) -> Layout {
    layout(&plan(launch, nodes), &generic()).unwrap()
}

fn refused(launch: Value, nodes: Value) -> (String, LayoutError) {
    let error = layout(&plan(launch, nodes), &generic()).unwrap_err();
    (
        error.path().map(|path| path.to_string()).unwrap_or_default(),
        error,
    )
}

/// The plan's nodes by component and host: `orchestrator client-1 | server-1`.
fn hosts(layout: &Layout) -> Vec<String> {
    let host = |host: &Host| {
        let names: Vec<&str> = host.nodes.iter().map(|node| node.node.as_str()).collect();
        names.join(" ")
    };
    let component = |component: &Component| component.hosts.iter().map(host).collect::<Vec<_>>().join(" | ");
    layout.components.iter().map(component).collect()
}

#[test]
fn the_example_is_one_allocation_of_five_nodes() {
    let layout = layout(&example(), &generic()).unwrap();
    assert_eq!(
        hosts(&layout),
        ["orchestrator | server-1 | server-2 | client-1 | client-2"]
    );
    assert_eq!(layout.node_count(), 5);
    assert!((layout.node_hours() - 5.0).abs() < 1e-9);
    let component = &layout.components[0];
    assert!(component.exclusive);
    assert_eq!(component.gpus.as_ref().unwrap().count.get(), 2);
    assert_eq!(component.memory, Memory::Mebibytes(32 << 10));
    assert_eq!(layout.stop_before, 300);
    assert_eq!(layout.shares[&Role::Client].gpus, None);
}

#[test]
fn one_of_everything_is_two_nodes() {
    let layout = laid_out(json!({}), json!({}));
    assert_eq!(hosts(&layout), ["orchestrator client | server"]);
    assert_eq!(layout.components[0].memory, Memory::All);
    assert_eq!(
        (layout.time_limit.to_string(), layout.time_limit_origin),
        ("01:00:00".to_owned(), Origin::Site)
    );
}

#[test]
fn roles_in_two_partitions_are_two_components_and_the_orchestrator_is_in_the_first() {
    let layout = layout(&two_partitions(), &generic()).unwrap();
    assert_eq!(
        hosts(&layout),
        ["orchestrator client-1 | client-2", "server-1 | server-2"]
    );
    let partition = |index: usize| layout.components[index].partition.as_ref().unwrap().value.clone();
    assert_eq!((partition(0), partition(1)), ("cpu".to_owned(), "gpu".to_owned()));
    let first = &layout.components[0];
    assert!(first.gpus.is_none() && first.constraint.is_none());
    assert_eq!(first.directives.len(), 1);
}

#[test]
fn a_dedicated_orchestrator_goes_where_the_clients_go() {
    let nodes = json!({
        "servers": {"gpus": 1, "partition": "gpu"},
        "clients": {"count": 2, "partition": "cpu", "constraint": "ib", "cpus": 16},
        "orchestrator": {"placement": "dedicated"},
    });
    let layout = laid_out(json!({"partition": "gpu"}), nodes);
    assert_eq!(hosts(&layout), ["orchestrator | client-1 | client-2", "server"]);
    assert_eq!(layout.components[0].cpus.unwrap().get(), 16);
}

#[test]
fn an_orchestrator_with_a_partition_of_its_own_is_a_component() {
    let nodes = json!({
        "servers": {"partition": "gpu"}, "clients": {"partition": "cpu"},
        "orchestrator": {"placement": "dedicated", "partition": "small", "exclusive": false},
    });
    let layout = laid_out(json!({}), nodes);
    assert_eq!(hosts(&layout)[0], "orchestrator");
    assert_eq!(layout.components.len(), 3);
    assert!(!layout.components[0].exclusive);
}

#[test]
fn clients_with_servers_share_the_first_hosts() {
    let nodes = json!({
        "servers": {"count": 3, "gpus": 2, "cpus": 8}, "clients": {"count": 2, "placement": "with_servers", "cpus": 16},
    });
    let layout = laid_out(json!({}), nodes);
    assert_eq!(
        hosts(&layout),
        ["orchestrator server-1 client-1 | server-2 client-2 | server-3"]
    );
    assert_eq!(layout.components[0].cpus.unwrap().get(), 16);
}

#[test]
fn agents_of_one_node_share_it_and_its_cpus() {
    let nodes = json!({"clients": {"count": 2, "agents_per_node": 2, "cpus": 16}});
    let layout = laid_out(json!({}), nodes);
    assert_eq!(
        hosts(&layout),
        ["orchestrator client-1 client-2 | server | client-3 client-4"]
    );
    assert_eq!(layout.shares[&Role::Client].cpus.unwrap().get(), 8);
}

#[test]
fn shared_nodes_are_not_asked_for_gpus_that_nobody_uses() {
    let nodes = json!({"servers": {"gpus": 2}, "clients": {"count": 2}});
    let layout = laid_out(json!({"exclusive": false}), nodes);
    assert_eq!(hosts(&layout), ["orchestrator client-1 | client-2", "server"]);
    assert_eq!(layout.components[0].memory, Memory::Unstated);
}

#[test]
fn resources_that_both_name_differently_are_two_components() {
    let nodes = json!({"servers": {"memory": "2GiB"}, "clients": {"memory": "1GiB"}});
    assert_eq!(laid_out(json!({}), nodes).components.len(), 2);
    let nodes = json!({"servers": {"memory": "2GiB"}, "clients": {"cpus": 2}});
    let one = laid_out(json!({}), nodes);
    assert_eq!(one.components.len(), 1);
    assert_eq!(one.components[0].memory, Memory::Mebibytes(2048));
}

#[test]
fn a_site_has_partitions_and_manners_of_its_own() {
    let mut site = Site::load("meluxina", &[]).unwrap();
    let nodes = json!({"servers": {"gpus": 4, "memory": "1B"}});
    let here = plan(json!({"account": "p1"}), nodes.clone());
    let layout_here = layout(&here, &site).unwrap();
    assert_eq!(layout_here.components[1].partition.as_ref().unwrap().value, "gpu");
    assert_eq!(layout_here.components[1].memory, Memory::Mebibytes(1));
    assert_eq!(
        layout_here.components[0].qos.as_ref().unwrap().origin,
        Origin::Site
    );
    assert_eq!(layout_here.modules.len(), 2);
    let without_account = layout(&plan(json!({}), nodes), &site).unwrap_err();
    assert_eq!(without_account, LayoutError::NoAccount);
    site.memory_request = false;
    site.exclusive = Exclusive::Never;
    let modest = layout(&here, &site).unwrap();
    assert!(
        modest
            .components
            .iter()
            .all(|part| !part.exclusive && part.memory == Memory::Unstated)
    );
    site.limits.max_nodes = Some(1);
    let error = layout(&here, &site).unwrap_err();
    assert!(
        matches!(error, LayoutError::TooManyNodes { nodes: 2, .. }),
        "{error}"
    );
}

#[test]
fn later_components_inherit_nothing_they_do_not_want() {
    let nodes = |orchestrator: Value| {
        json!({
            "servers": {"partition": "gpu", "reservation": "r1"}, "clients": {"partition": "cpu"},
            "orchestrator": orchestrator,
        })
    };
    let layout = laid_out(
        json!({}),
        nodes(json!({"placement": "dedicated", "partition": "small"})),
    );
    assert_eq!(hosts(&layout), ["orchestrator", "client", "server"]);
    let own = json!({"placement": "dedicated", "partition": "small", "reservation": "r2"});
    let (path, error) = refused(json!({}), nodes(own));
    assert_eq!(path, "nodes.clients.reservation", "{error}");
}

#[test]
fn contradictions_name_their_place() {
    let too_many_gpus = json!({"servers": {"gpus": 4, "instances_per_node": 4, "gpus_per_instance": 2}});
    let elsewhere = json!({"clients": {"partition": "cpu"}, "orchestrator": {"partition": "gpu"}});
    let with_servers =
        json!({"servers": {"exclusive": true}, "clients": {"placement": "with_servers", "exclusive": false}});
    for (launch, nodes, path) in [
        (
            json!({"time_limit": "00:10:00", "stop_before": "10m"}),
            json!({}),
            "launch.stop_before",
        ),
        (json!({"time_limit": "1:2:3:4"}), json!({}), "launch.time_limit"),
        (
            json!({"directives": ["--mail-type=END", "--output=x"]}),
            json!({}),
            "launch.directives.1",
        ),
        (
            json!({"modules": ["Apptainer", "-f x"]}),
            json!({}),
            "launch.modules.1",
        ),
        (json!({"partition": "a\nb"}), json!({}), "launch.partition"),
        (json!({"account": ""}), json!({}), "launch.account"),
        (json!({}), too_many_gpus, "nodes.servers.gpus_per_instance"),
        (
            json!({}),
            json!({"servers": {"cpus": 2, "instances_per_node": 2, "cpus_per_instance": 2}}),
            "nodes.servers.cpus_per_instance",
        ),
        (json!({}), elsewhere, "nodes.orchestrator.partition"),
        (json!({}), with_servers, "nodes.clients.exclusive"),
        (
            json!({}),
            json!({"clients": {"count": 2, "placement": "with_servers"}}),
            "nodes.clients.count",
        ),
        (
            json!({}),
            json!({"clients": {"gpu_type": "a100"}}),
            "nodes.clients.gpu_type",
        ),
        (
            json!({}),
            json!({"servers": {"gpu_type": "a100"}}),
            "nodes.servers.gpu_type",
        ),
        (
            json!({}),
            json!({"servers": {"directives": ["id"]}}),
            "nodes.servers.directives.0",
        ),
    ] {
        let (there, error) = refused(launch, nodes);
        assert_eq!(there, path, "{error}");
        assert_eq!(
            error.path().unwrap().pointer(),
            format!("/{}", path.replace('.', "/"))
        );
    }
}

#[test]
fn the_default_warning_leaves_half_of_a_short_job() {
    let layout = laid_out(json!({"time_limit": "00:02:00"}), json!({}));
    assert_eq!(layout.stop_before, 60);
    let asked = laid_out(json!({"time_limit": "00:02:00", "stop_before": "90s"}), json!({}));
    assert_eq!(asked.stop_before, 90);
}

#[test]
fn limits_of_the_site_are_kept() {
    let mut site = generic();
    site.limits.max_time = Some("00:30:00".parse().unwrap());
    let error = layout(&example(), &site).unwrap_err();
    assert!(matches!(error, LayoutError::TooLong { .. }), "{error}");
    site.limits.max_time = None;
    site.time_limit = None;
    let error = layout(&plan(json!({}), json!({})), &site).unwrap_err();
    assert_eq!(error, LayoutError::NoTimeLimit);
}
