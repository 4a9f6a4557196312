//! What holds in every state, as properties of a model whose states know of harm.

/// Makes the properties: harm of these kinds is never done.
macro_rules! never {
    ($($name:literal: $($harm:ident)|+,)+) => {
        vec![$(stateright::Property::always($name, |_: &Self, state: &Self::State| {
            !matches!(state.truth.harm, $(Some(crate::provider::Harm::$harm))|+)
        }),)+]
    };
}

pub(crate) use never;
