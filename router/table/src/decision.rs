//! What comes out of a decision: a place to forward to, or an answer of the router's own.

use platform_model::{Epoch, Problem};

use crate::path::RouteClass;
use crate::table::{NodeIndex, ShardIndex};

/// Where one shard is served, as far as the router knows. Indexes are good for the table that made them only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub shard: ShardIndex,
    pub node: NodeIndex,
    pub epoch: Epoch,
}

/// A request that goes to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    pub class: RouteClass,
    pub place: Place,
    /// The place was learned from a node and is not (yet) what the table says.
    pub learned: bool,
}

/// The outcome of [`crate::decide()`].
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    Forward(Route),
    /// Answered at the door. Boxed: the rare arm must not widen the common one.
    Answer(RouteClass, Box<Problem>),
}

impl Decision {
    pub fn class(&self) -> RouteClass {
        match self {
            Self::Forward(route) => route.class,
            Self::Answer(class, _) => *class,
        }
    }

    /// The route, if the request is forwarded.
    pub fn route(&self) -> Option<&Route> {
        match self {
            Self::Forward(route) => Some(route),
            Self::Answer(..) => None,
        }
    }
}
