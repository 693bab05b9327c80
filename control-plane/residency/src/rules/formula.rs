//! A rule as a formula: leaves that Cedar evaluates, joined by `&&`, `||`, `!` and `if`.
//!
//! This is also where the law's grammar is kept: what is not listed here may not stand in a rule. Every leaf is a
//! comparison of things from the closed list, so none can fail, and a formula of true and false is all that is left.

use std::ops::BitOr;
use std::sync::Arc;

use cedar_policy::pst::{
    ActionConstraint, BinaryOp, Clause, EntityOrSlot, EntityType, EntityUID, Expr, Literal,
    PrincipalConstraint, ResourceConstraint, Template, UnaryOp, Var,
};

/// What a leaf reads, as a set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reads(u8);

impl Reads {
    pub const JURISDICTION: Self = Self(1);
    pub const REGION: Self = Self(2);
    pub const ACTION: Self = Self(4);
    pub const CLASS: Self = Self(8);
    pub const PURPOSE: Self = Self(16);
    pub const MECHANISMS: Self = Self(32);
    pub const CONSENT: Self = Self(64);

    pub fn any(self, of: Self) -> bool {
        self.0 & of.0 != 0
    }
}

impl BitOr for Reads {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// True or false at a point.
#[derive(Debug, Clone)]
pub(crate) enum Formula {
    Const(bool),
    Leaf(Leaf),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    If(Box<(Self, Self, Self)>),
}

/// One comparison, for Cedar to evaluate.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub expr: Arc<Expr>,
    /// The comparison as text: equal texts are equal comparisons.
    pub text: String,
    pub reads: Reads,
}

impl Formula {
    /// The whole of a rule: its scope, each `when`, no `unless`.
    ///
    /// # Errors
    /// What may not stand in a rule, as text.
    pub fn of(rule: &Template) -> Result<Self, String> {
        let mut formula = Self::Const(true);
        for expr in scope(rule)? {
            formula = formula.and(boolean(&Arc::new(expr))?);
        }
        for clause in rule.clauses() {
            formula = formula.and(match clause {
                Clause::When(expr) => boolean(expr)?,
                Clause::Unless(expr) => Self::Not(Box::new(boolean(expr)?)),
            });
        }
        Ok(formula)
    }

    fn and(self, other: Self) -> Self {
        match self {
            Self::Const(true) => other,
            formula => Self::And(Box::new(formula), Box::new(other)),
        }
    }
}

/// The scope of a rule, as the comparisons that it stands for.
fn scope(rule: &Template) -> Result<Vec<Expr>, String> {
    let entity = |given: &EntityOrSlot| match given {
        EntityOrSlot::Entity(uid) => Ok(literal(uid)),
        EntityOrSlot::Slot(slot) => Err(slot.to_string()),
    };
    let is = |var, kind: &EntityType, within| Expr::Is {
        expr: Arc::new(Expr::Var(var)),
        entity_type: kind.clone(),
        in_expr: within,
    };
    let mut scope = Vec::new();
    match &rule.principal {
        PrincipalConstraint::Any => {}
        PrincipalConstraint::Eq(uid) => scope.push(compare(Var::Principal, BinaryOp::Eq, entity(uid)?)),
        PrincipalConstraint::In(uid) => scope.push(compare(Var::Principal, BinaryOp::In, entity(uid)?)),
        PrincipalConstraint::Is(kind) => scope.push(is(Var::Principal, kind, None)),
        PrincipalConstraint::IsIn(kind, uid) => {
            scope.push(is(Var::Principal, kind, Some(Arc::new(entity(uid)?))));
        }
    }
    match &rule.action {
        ActionConstraint::Any => {}
        ActionConstraint::Eq(uid) => scope.push(compare(Var::Action, BinaryOp::Eq, literal(uid))),
        ActionConstraint::In(uids) => {
            let set = Expr::Set(uids.iter().map(|uid| Arc::new(literal(uid))).collect());
            scope.push(compare(Var::Action, BinaryOp::In, set));
        }
    }
    match &rule.resource {
        ResourceConstraint::Any => {}
        ResourceConstraint::Eq(uid) => scope.push(compare(Var::Resource, BinaryOp::Eq, entity(uid)?)),
        ResourceConstraint::In(uid) => scope.push(compare(Var::Resource, BinaryOp::In, entity(uid)?)),
        ResourceConstraint::Is(kind) => scope.push(is(Var::Resource, kind, None)),
        ResourceConstraint::IsIn(kind, uid) => {
            scope.push(is(Var::Resource, kind, Some(Arc::new(entity(uid)?))));
        }
    }
    Ok(scope)
}

fn literal(uid: &EntityUID) -> Expr {
    Expr::Literal(Literal::EntityUID(uid.clone()))
}

fn compare(var: Var, op: BinaryOp, right: Expr) -> Expr {
    Expr::BinaryOp {
        op,
        left: Arc::new(Expr::Var(var)),
        right: Arc::new(right),
    }
}

fn boolean(expr: &Arc<Expr>) -> Result<Formula, String> {
    let inner = |expr| boolean(expr).map(Box::new);
    match expr.as_ref() {
        Expr::Literal(Literal::Bool(value)) => Ok(Formula::Const(*value)),
        Expr::UnaryOp {
            op: UnaryOp::Not,
            expr,
        } => Ok(Formula::Not(inner(expr)?)),
        Expr::BinaryOp {
            op: BinaryOp::And,
            left,
            right,
        } => Ok(Formula::And(inner(left)?, inner(right)?)),
        Expr::BinaryOp {
            op: BinaryOp::Or,
            left,
            right,
        } => Ok(Formula::Or(inner(left)?, inner(right)?)),
        Expr::IfThenElse {
            cond,
            then_expr,
            else_expr,
        } => {
            let (cond, then, other) = (inner(cond)?, inner(then_expr)?, inner(else_expr)?);
            Ok(Formula::If(Box::new((*cond, *then, *other))))
        }
        _ => Ok(Formula::Leaf(leaf(expr)?)),
    }
}

fn leaf(expr: &Arc<Expr>) -> Result<Leaf, String> {
    use BinaryOp::{Contains, ContainsAll, ContainsAny, Eq, In, NotEq};
    let reads = match expr.as_ref() {
        Expr::BinaryOp {
            op: Eq | NotEq | In | Contains | ContainsAll | ContainsAny,
            left,
            right,
        } => operand(left)? | operand(right)?,
        Expr::Is { expr, in_expr, .. } => {
            let within = in_expr.as_ref().map(|within| operand(within)).transpose()?;
            operand(expr)? | within.unwrap_or_default()
        }
        Expr::GetAttr { .. } => operand(expr)?,
        other => return Err(other.to_string()),
    };
    Ok(Leaf {
        expr: Arc::clone(expr),
        text: expr.to_string(),
        reads,
    })
}

fn operand(expr: &Expr) -> Result<Reads, String> {
    let refused = || expr.to_string();
    match expr {
        Expr::Literal(Literal::EntityUID(_) | Literal::Bool(_)) => Ok(Reads::default()),
        Expr::Var(Var::Principal) => Ok(Reads::JURISDICTION),
        Expr::Var(Var::Action) => Ok(Reads::ACTION),
        Expr::Var(Var::Resource) => Ok(Reads::REGION),
        Expr::Set(items) => items
            .iter()
            .try_fold(Reads::default(), |reads, item| Ok(reads | operand(item)?)),
        Expr::GetAttr { expr, attr } => match (expr.as_ref(), attr.as_str()) {
            (Expr::Var(Var::Resource), "attested") => Ok(Reads::REGION),
            (Expr::Var(Var::Context), "class") => Ok(Reads::CLASS),
            (Expr::Var(Var::Context), "purpose") => Ok(Reads::PURPOSE),
            (Expr::Var(Var::Context), "mechanisms") => Ok(Reads::MECHANISMS),
            (Expr::Var(Var::Context), "consent") => Ok(Reads::CONSENT),
            _ => Err(refused()),
        },
        _ => Err(refused()),
    }
}
