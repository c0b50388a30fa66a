//! What becomes of readings; and no GPU is no error.

use nvml_wrapper::bitmasks::device::ThrottleReasons;

use super::*;

#[test]
fn the_reasons_are_the_librarys() {
    let held = [
        ThrottleReasons::HW_SLOWDOWN,
        ThrottleReasons::SW_THERMAL_SLOWDOWN,
        ThrottleReasons::HW_THERMAL_SLOWDOWN,
        ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN,
    ];
    for reason in ThrottleReasons::all().iter() {
        let expected = held.contains(&reason);
        assert_eq!(Throttle(reason.bits()).is_held_down(), expected, "{reason:?}");
    }
    let named: Vec<_> = Throttle(ThrottleReasons::SW_POWER_CAP.bits())
        .named()
        .filter(|(_, holds)| *holds)
        .collect();
    assert_eq!(named, [("throttle_sw_power_cap", true)]);
}

#[test]
fn a_reading_has_a_sample_for_each_value_that_is_known() {
    let reading = GpuReading {
        index: 3,
        busy_share: Some(0.5),
        power_mw: Some(312_500),
        energy_mj: Some(2_000),
        throttle: Some(Throttle(0x40)),
        ..GpuReading::default()
    };
    let samples: Vec<_> = reading.samples(9).collect();
    assert!(
        samples
            .iter()
            .all(|sample| sample.instance == "3" && sample.at_ns == 9)
    );
    let value = |metric: &str| samples.iter().find(|s| s.metric == metric).map(|s| s.value);
    assert_eq!(
        (value("power_watts"), value("energy_joules")),
        (Some(312.5), Some(2.0))
    );
    assert_eq!(
        (value("throttle_hw_thermal"), value("throttle_sw_power_cap")),
        (Some(1.0), Some(0.0))
    );
    assert_eq!(value("temperature_celsius"), None);
    assert_eq!(samples.len(), 3 + 6);
}

#[test]
fn only_the_time_within_the_window_counts() {
    let (hot, cool) = (Throttle(0x20), Throttle(0x04));
    let mut clock = ThrottleClock::new(100, Some(200));
    for (at, throttle) in [
        (50, hot),
        (90, hot),
        (120, hot),
        (140, cool),
        (190, hot),
        (260, hot),
        (300, hot),
    ] {
        clock.look(0, at, throttle);
        clock.look(1, at, cool);
    }
    // 100 to 120, 140 to 190, 190 to 200.
    assert_eq!(clock.held().collect::<Vec<_>>(), [(0, 80)]);
    let mut open = ThrottleClock::new(0, None);
    open.look(2, 5, hot);
    assert_eq!(
        open.held().count(),
        0,
        "a first look says nothing of the time before it"
    );
    open.look(2, 9, hot);
    assert_eq!(open.held().collect::<Vec<_>>(), [(2, 4)]);
}

#[test]
fn a_node_without_gpus_says_so() {
    match Gpus::open() {
        Ok(gpus) => assert!(gpus.count() > 0 && gpus.read().count() <= gpus.count() as usize),
        Err(absent) => assert!(absent.to_string().starts_with("no GPU"), "{absent}"),
    }
}
