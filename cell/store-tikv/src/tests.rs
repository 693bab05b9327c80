//! Tests of the engine. Those that need a cluster say so when there is none: `MERIDIAN_TIKV_PD` names its placement
//! drivers, separated by commas; they write into it under cells of their own, of one world that all tests share.

mod bad_input;
mod cluster;
mod deciding;
mod differential;
mod factory;
mod fences;
mod metrics;
mod old_release;

use cell_store::conformance;

use cluster::Cluster;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforms() {
    let Some(cluster) = Cluster::from_environment("the conformance suite") else {
        return;
    };
    let report = conformance::run(&factory::TikvFactory::new(cluster)).await;
    println!("{report}");
    assert!(report.passed(), "{report}");
}
