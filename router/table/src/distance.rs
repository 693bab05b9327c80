//! How far one region is from another, from their names alone.
//!
//! The table holds no coordinates. Region names begin with their area (`eu-central`, `us-east`), which is enough to
//! prefer what is near: it is a preference among places that may all serve, never a permission.

use std::cmp::Ordering;

use platform_model::RegionId;

/// Steps between two regions: 0 the same, 1 the same area (first word of the name), 2 anything else.
pub fn steps(from: &RegionId, to: &RegionId) -> u8 {
    match () {
        () if from == to => 0,
        () if area(from) == area(to) => 1,
        () => 2,
    }
}

/// Orders `a` and `b` by their distance from `from`; equally far ones by name, so that all routers agree.
pub fn nearest_first(from: &RegionId, a: &RegionId, b: &RegionId) -> Ordering {
    steps(from, a).cmp(&steps(from, b)).then_with(|| a.cmp(b))
}

fn area(region: &RegionId) -> &str {
    region.as_str().split('-').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_region_is_nearest_then_its_area_then_the_name() {
        let from: RegionId = "eu-west".parse().expect("a region");
        let mut regions: Vec<RegionId> = ["us-east", "eu-central", "ap-south", "eu-west", "eu-north"]
            .map(|name| name.parse().expect("a region"))
            .into();
        regions.sort_by(|a, b| nearest_first(&from, a, b));
        let names: Vec<_> = regions.iter().map(RegionId::as_str).collect();
        assert_eq!(
            names,
            ["eu-west", "eu-central", "eu-north", "ap-south", "us-east"]
        );
    }
}
