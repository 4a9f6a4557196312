//! Every call to AWS that wucluster makes. What is not on this list does not leave.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ec2::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;

/// Makes the list and what belongs to it, so that neither can be forgotten.
macro_rules! calls {
    ($($service:ident $($name:ident)+;)+) => {
        /// A call to AWS.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Call {
            $($(#[doc = concat!("`", stringify!($service), ":", stringify!($name), "`.")] $name,)+)+
        }

        impl Call {
            /// All there are.
            pub const ALL: &[Self] = &[$($(Self::$name,)+)+];

            /// Returns the service and the call's name there.
            const fn names(self) -> (&'static str, &'static str) {
                match self {
                    $($(Self::$name => (stringify!($service), stringify!($name)),)+)+
                }
            }
        }
    };
}

calls! {
    ec2
        DescribeInstances DescribeVolumes DescribeSnapshots DescribeImages GetConsoleOutput
        DescribeAvailabilityZones DescribeInstanceTypes DescribeInstanceTypeOfferings DescribeSubnets
        DescribeSecurityGroups DescribeKeyPairs
        RunInstances StartInstances StopInstances TerminateInstances
        CreateVolume AttachVolume DetachVolume ModifyVolume DeleteVolume CreateSnapshot DeleteSnapshot
        CreateTags
        CreateSecurityGroup AuthorizeSecurityGroupIngress RevokeSecurityGroupIngress DeleteSecurityGroup
        ImportKeyPair DeleteKeyPair;
    ssm
        GetParameter;
    servicequotas
        GetServiceQuota GetAWSDefaultServiceQuota;
    sts
        GetCallerIdentity DecodeAuthorizationMessage;
}

impl Call {
    /// Returns the permission that it takes, such as `ec2:RunInstances`.
    #[must_use]
    pub fn permission(self) -> String {
        let (service, name) = self.names();
        format!("{service}:{name}")
    }

    /// Returns the call's name in its service.
    pub(crate) const fn name(self) -> &'static str {
        self.names().1
    }

    /// Says whether it changes anything, or is about a machine of the cluster's: what only looks at lists does not.
    pub(crate) fn changes(self) -> bool {
        let name = self.name();
        !["Describe", "Decode", "GetCaller", "GetParameter", "GetServiceQuota", "GetAWSDefault"]
            .iter()
            .any(|word| name.starts_with(word))
    }

    fn named(service: &str, name: &str) -> Option<Self> {
        let is_it = |call: &Self| call.names() == (service, name);
        Self::ALL.iter().copied().find(is_it)
    }
}

/// Lets the calls of the list pass, and keeps in mind which were made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<Mutex<BTreeSet<Call>>>);

impl Gate {
    /// Lists the calls that were made.
    pub(crate) fn made(&self) -> BTreeSet<Call> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Intercept for Gate {
    fn name(&self) -> &'static str {
        "calls of the list"
    }

    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        of: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(call) = of.load::<Metadata>() else { return Err("a call without a name".into()) };
        // `Service Quotas` is called by two words there, and by one in policies.
        let service = call.service().to_lowercase().replace(' ', "");
        let name = call.name();
        let Some(call) = Call::named(&service, name) else {
            return Err(format!("{service}:{name} is not on the list of calls").into());
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(call);
        Ok(())
    }
}
