//! The matrix of bad certificates: each fails for its own reason at the end that must notice, and the good one passes.

use super::*;

/// A certificate that is wrong in one way, and the word for it.
fn bad_leaves(world: &World, other: &World, path: &str) -> Vec<(&'static str, Arc<Shown>)> {
    let good = world.leaf(path);
    let now_s = crate::Clock::system().unix_s();
    let changed = |change: &dyn Fn(&mut Leaf)| {
        let mut leaf = good.clone();
        change(&mut leaf);
        world.key(&leaf)
    };
    let of_other_world = other.uri(path);
    let unknown = world.uri("database/d1");
    vec![
        // The right id, signed by the root of another world.
        ("unknown-issuer", other.key(&good)),
        (
            "expired",
            changed(&|leaf| (leaf.not_before_s, leaf.not_after_s) = (now_s - 7_200, now_s - 3_600)),
        ),
        (
            "not-yet-valid",
            changed(&|leaf| leaf.not_before_s = now_s + 3_600),
        ),
        ("unknown-kind", changed(&|leaf| leaf.uris = vec![unknown.clone()])),
        (
            "wrong-trust-domain",
            changed(&|leaf| leaf.uris = vec![of_other_world.clone()]),
        ),
        ("no-spiffe-id", changed(&|leaf| leaf.uris.clear())),
        (
            "no-spiffe-id",
            changed(&|leaf| leaf.uris = vec!["https://example.org/".into()]),
        ),
        (
            "no-spiffe-id",
            changed(&|leaf| leaf.uris.push(good.uris[0].clone() + "1")),
        ),
        (
            "no-spiffe-id",
            changed(&|leaf| (leaf.uris, leaf.dns) = (vec![], vec!["localhost".into()])),
        ),
    ]
}

#[tokio::test]
async fn a_server_refuses_each_bad_client() {
    let (world, other) = (World::new(), World::new());
    let node = world.node();
    let good = world.leaf("router/r1");
    let mut matrix = bad_leaves(&world, &other, "router/r1");
    matrix.push(("no-certificate", Arc::new(Shown(None))));
    matrix.push((
        "wrong-purpose",
        world.key(&Leaf {
            client: false,
            ..good.clone()
        }),
    ));
    for version in VERSIONS {
        for (reason, shown) in &matrix {
            let refused = client_shows(&node, shown, version).await.expect_err(reason);
            assert_eq!(refused.reason(), *reason, "{version:?} {refused}");
        }
        let peer = client_shows(&node, &world.key(&good), version)
            .await
            .expect("good");
        assert_eq!(peer.0, world.id("router/r1"));
    }
}

#[tokio::test]
async fn a_client_refuses_each_bad_server() {
    let (world, other) = (World::new(), World::new());
    let router = world.identity("router/r1");
    let meant = Expect::Node {
        node: "eu-central-1/0".parse().expect("a node"),
        region: "eu-central".parse().expect("a region"),
    };
    let path = "cell/eu-central-1/node/0";
    let mut matrix = bad_leaves(&world, &other, path);
    matrix.push(("wrong-peer", world.key(&world.leaf("cell/eu-central-1/node/1"))));
    matrix.push(("wrong-peer", world.key(&world.leaf("cell/eu-central-2/node/0"))));
    matrix.push(("wrong-peer", world.key(&world.leaf("controller/c1"))));
    matrix.push(("wrong-peer", world.key(&world.leaf_in("us-east", path))));
    matrix.push((
        "wrong-purpose",
        world.key(&Leaf {
            server: false,
            ..world.leaf(path)
        }),
    ));
    for version in VERSIONS {
        for (reason, shown) in &matrix {
            let refused = server_shows(&router, meant.clone(), shown, version)
                .await
                .expect_err(reason);
            assert_eq!(refused.reason(), *reason, "{version:?} {refused}");
        }
        let good = world.key(&world.leaf(path));
        server_shows(&router, meant.clone(), &good, version)
            .await
            .expect("good");
        server_shows(&router, Expect::AnyNode, &good, version)
            .await
            .expect("any node");
        for expect in [Expect::Controller, Expect::Router] {
            let refused = server_shows(&router, expect, &good, version)
                .await
                .expect_err("a node");
            assert_eq!(refused.reason(), "wrong-peer");
        }
    }
}
