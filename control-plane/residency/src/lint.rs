//! What makes a law unfit although every rule reads well: rules taken together, and what the matrix shows.

use platform_model::DataClass;
use platform_model::matrix::{Action, Matrix, Purpose};
use platform_model::{Jurisdiction, RegionId};

use crate::compile::{Compiled, Reach, may_ever_apply};
use crate::fault::{Fault, FaultKind};
use crate::law::Law;
use crate::rules::{Effect, Rule};

impl Law {
    /// Everything that is unfit, in the order of the law.
    pub fn lint(&self, compiled: &Compiled) -> Vec<Fault> {
        let mut faults = self.reaches(compiled);
        faults.extend(self.consent(compiled));
        let homes = self
            .document
            .jurisdictions
            .keys()
            .flat_map(|jurisdiction| homes(&compiled.matrix, jurisdiction));
        faults.extend(homes.map(Fault::nowhere));
        faults.extend(self.authorities(&compiled.matrix));
        faults
    }

    /// Rules that say nothing, or only what others forbid.
    fn reaches(&self, compiled: &Compiled) -> Vec<Fault> {
        let fault = |(rule, reach): (&Rule, &Reach)| {
            let id = rule.id.clone();
            let kind = match reach.forbidden_by {
                // A guard against facts that are not so today is fine; one that no fact calls up is a mistake.
                None if reach.applies == 0 && !may_ever_apply(&self.facts, &rule.formula) => {
                    FaultKind::NeverApplies { rule: id }
                }
                Some(by) if rule.effect == Effect::Permit && reach.stands == 0 => FaultKind::Contradicts {
                    rule: id,
                    forbidden_by: self.rules[by].id.clone(),
                },
                _ => return None,
            };
            Some(Fault::at(rule.position.clone(), kind))
        };
        self.rules
            .iter()
            .zip(&compiled.findings.reach)
            .filter_map(fault)
            .collect()
    }

    fn consent(&self, compiled: &Compiled) -> Vec<Fault> {
        let findings = &compiled.findings;
        let of = |list: &[(usize, crate::fault::Points)],
                  kind: fn(String, crate::fault::Points) -> FaultKind| {
            let fault = |(index, points): &(usize, crate::fault::Points)| {
                let rule = &self.rules[*index];
                Fault::at(rule.position.clone(), kind(rule.id.clone(), points.clone()))
            };
            list.iter().map(fault).collect::<Vec<_>>()
        };
        let mut faults = of(&findings.only_without_consent, |rule, points| {
            FaultKind::OnlyWithoutConsent { rule, points }
        });
        faults.extend(of(&findings.conditional_copies, |rule, points| {
            FaultKind::ConditionalCopy { rule, points }
        }));
        faults.extend(of(&findings.unattested, |rule, points| FaultKind::Unattested {
            rule,
            points,
        }));
        faults
    }

    /// Authorities that may not hold what they are there to hold, or are nowhere.
    fn authorities(&self, matrix: &Matrix) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (jurisdiction, area) in &self.document.jurisdictions {
            if area.authority.is_empty() {
                let what = "regions for the authority of each jurisdiction";
                let most = self.document.regions.len();
                faults.push(Fault::nowhere(FaultKind::Count {
                    what,
                    count: 0,
                    least: 1,
                    most,
                }));
            }
            for region in &area.authority {
                if let Err(denied) = matrix.may_hold_claims(jurisdiction, region) {
                    let (jurisdiction, region) = (jurisdiction.clone(), region.clone());
                    let reason = denied.to_string();
                    faults.push(Fault::nowhere(FaultKind::Authority {
                        jurisdiction,
                        region,
                        reason,
                    }));
                }
            }
        }
        faults
    }
}

/// Whether people of a jurisdiction have somewhere to live.
fn homes(matrix: &Matrix, jurisdiction: &Jurisdiction) -> Vec<FaultKind> {
    let stored = |class| {
        let there = |region: &RegionId| {
            matrix
                .ask(
                    jurisdiction,
                    Action::StorePrimary,
                    region,
                    class,
                    Purpose::Service,
                )
                .is_permitted()
        };
        matrix.regions().iter().any(there)
    };
    let homeless = DataClass::ALL.into_iter().filter(|class| !stored(*class));
    let kind = |class| FaultKind::NoHomeForClass {
        jurisdiction: jurisdiction.clone(),
        class,
    };
    let mut faults: Vec<FaultKind> = homeless.map(kind).collect();
    let is_home = |region: &RegionId| {
        matrix
            .may_keep_shard(Action::StorePrimary, jurisdiction, region)
            .is_ok()
            && matrix.may_process(jurisdiction, region).is_ok()
    };
    if faults.is_empty() && !matrix.regions().iter().any(is_home) {
        faults.push(FaultKind::NoHome(jurisdiction.clone()));
    }
    faults
}
