//! What of its node an instance gets when there are several.

use hpcbench_core::{InstanceId, NodeId};
use hpcbench_recipes::recipe::ServerNodes;

use crate::shell::NodeResources;

/// What of its node an instance gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct InstanceShare {
    /// GPUs; none: whatever the node's agent may use.
    pub(super) gpus: Option<Vec<String>>,
    /// Processors; empty: whatever the node's agent may use.
    pub(super) cpus: Vec<usize>,
}

/// An instance's number on its node, from 0.
pub(super) fn number(id: &InstanceId, node: &NodeId, instances: u32) -> u32 {
    (0..instances)
        .find(|index| InstanceId::new(node, *index) == *id)
        .unwrap_or(0)
}

/// The share of instance `number` of `instances`: so much as the recipe says, or the node's, divided evenly. The agent has made
/// sure that there is enough of what the recipe says.
pub(super) fn share(
    servers: &ServerNodes,
    found: &NodeResources,
    number: u32,
    instances: u32,
) -> InstanceShare {
    let (number, instances) = (number as usize, instances.max(1) as usize);
    let gpus = servers.gpus_per_instance.map(|each| each as usize);
    let cpus = servers.cpus_per_instance.map(|each| each.get() as usize);
    InstanceShare {
        gpus: part(&found.gpus, gpus, number, instances),
        cpus: processors(&found.cores, cpus, number, instances),
    }
}

/// Processors of whole cores, as long as there are cores enough: threads of one core share what it computes with. Empty: all.
fn processors(cores: &[Vec<usize>], each: Option<usize>, number: usize, instances: usize) -> Vec<usize> {
    let count = cores.len() / instances;
    let own = |number: usize| -> Vec<usize> {
        let own = cores.iter().skip(count * number).take(count);
        own.flatten().copied().collect()
    };
    match each {
        None if instances > 1 && count > 0 => own(number),
        Some(each) if (0..instances).all(|number| own(number).len() >= each) => {
            own(number).into_iter().take(each).collect()
        }
        _ => part(&cores.concat(), each, number, instances).unwrap_or_default(),
    }
}

/// None: there is nothing to divide, or fewer things than instances, which then share them all.
fn part<T: Clone>(all: &[T], each: Option<usize>, number: usize, instances: usize) -> Option<Vec<T>> {
    let even = || {
        let each = all.len() / instances;
        (instances > 1 && each > 0).then_some(each)
    };
    let each = each.or_else(even)?;
    let part = all.iter().skip(each.saturating_mul(number)).take(each);
    Some(part.cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(json: &str) -> ServerNodes {
        serde_json::from_str(json).unwrap()
    }

    fn found(cpus: usize, gpus: usize) -> NodeResources {
        NodeResources {
            cpus: (0..cpus).collect(),
            cores: (0..cpus).map(|cpu| vec![cpu]).collect(),
            gpus: (0..gpus).map(|gpu| format!("GPU-{gpu}")).collect(),
            ..NodeResources::default()
        }
    }

    #[test]
    fn one_instance_gets_whatever_there_is() {
        let share = share(&servers("{}"), &found(8, 4), 0, 1);
        assert_eq!(share, InstanceShare::default());
    }

    #[test]
    fn several_divide_the_node_and_nothing_is_given_twice() {
        let shares: Vec<InstanceShare> = (0..3)
            .map(|number| share(&servers("{}"), &found(8, 3), number, 3))
            .collect();
        let cpus: Vec<&[usize]> = shares.iter().map(|share| share.cpus.as_slice()).collect();
        assert_eq!(cpus, [[0, 1].as_slice(), &[2, 3], &[4, 5]]);
        let gpus: Vec<String> = shares
            .iter()
            .flat_map(|share| share.gpus.clone().unwrap())
            .collect();
        assert_eq!(gpus, ["GPU-0", "GPU-1", "GPU-2"]);
    }

    #[test]
    fn the_recipe_says_how_much() {
        let servers = servers(r#"{"gpus_per_instance": 2, "cpus_per_instance": 1}"#);
        let second = share(&servers, &found(8, 4), 1, 2);
        assert_eq!(second.gpus.unwrap(), ["GPU-2", "GPU-3"]);
        assert_eq!(second.cpus, [4]);
        let none = share(&self::servers(r#"{"gpus_per_instance": 0}"#), &found(8, 4), 0, 2);
        assert_eq!(none.gpus.unwrap(), Vec::<String>::new());
    }

    #[test]
    fn instances_share_no_core_while_there_are_enough() {
        let cores = [vec![0, 4], vec![1, 5], vec![2, 6], vec![3, 7]];
        let shares = |each: Option<usize>, instances: usize| -> Vec<Vec<usize>> {
            (0..instances)
                .map(|number| processors(&cores, each, number, instances))
                .collect()
        };
        assert_eq!(shares(None, 1), [Vec::<usize>::new()]);
        assert_eq!(shares(None, 2), [[0, 4, 1, 5], [2, 6, 3, 7]]);
        assert_eq!(shares(None, 3), [[0, 4], [1, 5], [2, 6]]);
        assert_eq!(shares(Some(3), 2), [[0, 4, 1], [2, 6, 3]]);
        // Five cannot each have a core.
        assert_eq!(shares(None, 5), [[0], [4], [1], [5], [2]]);
        assert_eq!(shares(Some(5), 1), [[0, 4, 1, 5, 2]]);
    }

    #[test]
    fn what_does_not_suffice_for_all_is_shared() {
        let share = share(&servers("{}"), &found(2, 1), 3, 4);
        assert_eq!(share, InstanceShare::default());
    }

    #[test]
    fn an_id_has_its_number_whatever_started_first() {
        let node: NodeId = "server-1".parse().unwrap();
        for index in [0, 9, 10, 11] {
            assert_eq!(number(&InstanceId::new(&node, index), &node, 12), index);
        }
    }
}
