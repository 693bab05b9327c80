//! Laws as random as can be that strand nobody.

use std::collections::BTreeMap;

use control_plane_ledger::Digest;
use platform_model::matrix::{
    Action, Answer, Block, LawVersion, Matrix, MatrixBuilder, Purpose, RuleIndex, RuleName, Ruling, Sink,
    SinkKind, Stamp,
};
use platform_model::{DataClass, Jurisdiction, RegionId};

use crate::world::region;
use crate::{CATALOGUE, COUNTRIES, HOMES};

/// Answers by a hash of seed and point. A jurisdiction's own first region permits everything, so that nobody is
/// stranded; elsewhere about half of the pairs of place and action are wholly permitted.
pub fn random_law(version: u64, date: &str, document: [u8; 32], seed: u64) -> Matrix {
    let rule = |id: &str| RuleName {
        id: id.to_owned(),
        article: format!("Art. {id}"),
    };
    let stamp = Stamp {
        version: LawVersion(version),
        date: date.parse().expect("a day"),
        document,
        compiler: 1,
        catalogues: vec![*Digest::plain(CATALOGUE.as_bytes()).as_bytes()],
    };
    let country = |at: usize| {
        COUNTRIES
            .iter()
            .find(|(_, own)| *own == HOMES[at].0)
            .expect("one each")
            .0
    };
    let builder = MatrixBuilder {
        stamp,
        jurisdictions: HOMES
            .iter()
            .map(|(jurisdiction, _)| jurisdiction.parse().expect("one"))
            .collect(),
        regions: (0..HOMES.len())
            .map(|at| (region(at), country(at).parse().expect("a country")))
            .collect(),
        countries: COUNTRIES
            .iter()
            .map(|(country, to)| (country.parse().expect("one"), to.parse().expect("one")))
            .collect(),
        sinks: BTreeMap::from([(
            "bin".to_owned(),
            Sink {
                kind: SinkKind::Backup,
                region: region(0),
            },
        )]),
        rules: ["yes", "no"].map(rule).to_vec(),
    };
    let built = builder.build(|jurisdiction, region| random_block(seed, jurisdiction, region));
    built.expect("sound parts")
}

fn random_block(seed: u64, jurisdiction: &Jurisdiction, region: &RegionId) -> Block {
    let first = HOMES
        .iter()
        .find(|(own, _)| *own == jurisdiction.as_str())
        .expect("known")
        .1;
    let mut block = Block::default();
    for action in Action::ALL {
        let whole = first == region.as_str()
            || hash(&[
                &seed.to_string(),
                jurisdiction.as_str(),
                region.as_str(),
                action.as_str(),
            ])
            .is_multiple_of(2);
        for class in DataClass::ALL {
            for purpose in Purpose::ALL {
                let point = [
                    &seed.to_string(),
                    jurisdiction.as_str(),
                    region.as_str(),
                    action.as_str(),
                    class.as_str(),
                    purpose.as_str(),
                ];
                let answer = match hash(&point) % 8 {
                    _ if whole => Answer::Permit,
                    0 => Answer::Permit,
                    1 if !action.keeps() => Answer::PermitWithConsent(purpose),
                    _ => Answer::Deny,
                };
                let rule = RuleIndex::new(usize::from(answer == Answer::Deny));
                block.set(action, class, purpose, Ruling { answer, rule });
            }
        }
    }
    block
}

/// FNV-1a, 64 bits.
fn hash(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
