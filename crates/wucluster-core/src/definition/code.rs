//! The stable codes of mistakes in a definition, one for each kind.

use std::fmt;

use super::diagnostic::Severity;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal,)+) => {
        /// A kind of mistake in a definition; `E` codes are errors, `W` codes warnings.
        ///
        /// A code never changes its meaning and is never used again for another one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// All kinds, in the order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Returns the code as it is printed, such as `E0107`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// Returns what the code stands for, in one line.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }
    };
}

codes! {
    /// The file holds nothing but blanks and comments.
    EmptyFile = "E0101",
    /// The file is not text: it is no UTF-8, or has NUL bytes in it.
    NotText = "E0102",
    /// The file is not TOML.
    Syntax = "E0103",
    /// A key or table is there twice.
    DuplicateKey = "E0104",
    /// A key that the definition does not know.
    UnknownKey = "E0105",
    /// A value of the wrong type, such as a number where a string belongs.
    WrongType = "E0106",
    /// Two mounts of one node use the same mount point.
    MountPointTwice = "E0107",
    /// A key that must be there is missing.
    MissingKey = "E0108",
    /// A name breaks the rule for names.
    InvalidName = "E0109",
    /// A mount point is not absolute, not normalized, or has characters that are refused.
    MountPointForm = "E0110",
    /// A size counts in another unit than GiB or TiB.
    SizeUnit = "E0111",
    /// A size is not a whole number and a unit.
    SizeForm = "E0112",
    /// A size is zero or larger than any volume.
    SizeRange = "E0113",
    /// A memory size is not a whole number of MiB or GiB.
    MemoryForm = "E0114",
    /// A memory size is too small or too large for a machine.
    MemoryRange = "E0115",
    /// A length of time is not numbers with units.
    DurationForm = "E0116",
    /// A length of time is shorter or longer than its key allows.
    DurationRange = "E0117",
    /// A mount point is a place that the system or wucluster needs.
    MountPointReserved = "E0118",
    /// One mount point of a node lies inside another.
    MountPointNested = "E0119",
    /// A count is negative or too large.
    CountRange = "E0120",
    /// Two nodes get the same name when the groups are expanded.
    NodeTwice = "E0121",
    /// The groups expand to more than a cluster may hold.
    TooManyNodes = "E0122",
    /// A provider that does not exist.
    UnknownProvider = "E0123",
    /// A file system that wucluster cannot make.
    UnknownFilesystem = "E0124",
    /// A mount option has characters that are refused, or several are in one string.
    OptionForm = "E0125",
    /// A mount option that would break what wucluster promises about mounts.
    OptionRefused = "E0126",
    /// An owner or group is neither a name nor a number.
    OwnerForm = "E0127",
    /// A mode is not three or four octal digits.
    ModeForm = "E0128",
    /// A snapshot id does not look like one.
    SnapshotForm = "E0129",
    /// A hook's command is empty, too long, or has a NUL in it.
    HookCommand = "E0130",
    /// A number of processors is out of range.
    CpusRange = "E0131",
    /// An image, instance type or zone has characters that are refused.
    WordForm = "E0132",
    /// The `[cluster]` section is missing.
    MissingCluster = "E0133",
    /// A node has more mounts than a machine can have volumes.
    TooManyMounts = "E0134",
    /// The file is larger than any definition.
    FileTooLarge = "E0135",
    /// A known key stands in the wrong section.
    MisplacedKey = "E0136",
    /// A node group or mount stands where its name should be.
    Nameless = "E0137",
    /// A type of volume that EBS does not have.
    UnknownVolumeType = "E0138",
    /// A number of IOPS or a throughput is more than any volume has, or none.
    RateRange = "E0139",
    /// A tag's key or value is too long, has characters that are refused, or is not ours to give.
    TagForm = "E0140",
    /// A store is neither a bucket nor a folder.
    StoreForm = "E0141",
    /// A list of snapshots has not one for each node of its group.
    FromCount = "E0142",
    /// A former name is neither a node's nor a mount's, or of the wrong kind.
    WasForm = "E0143",
    /// A list of former names has not one for each node of its group, or one name is to be of several nodes.
    WasCount = "E0144",
    /// What is called by a former name is defined under that name still.
    WasDefined = "E0145",
    /// Two nodes or mounts have the same former name.
    WasTwice = "E0146",
    /// A price is not a plain decimal number, or more than a million.
    PriceForm = "E0147",
    /// The currency or the date of prices is not written as one.
    PricesWord = "E0148",
    /// A list of types or zones is empty, or longer than any that is tried.
    ChoiceCount = "E0149",
    /// A type or zone is in its list twice.
    ChoiceTwice = "E0150",
    /// A node has a subnet, which lies in one zone, and the cluster may be in several.
    SubnetZones = "E0151",
    /// A network that wucluster does not make.
    UnknownNetwork = "E0152",
    /// What ssh is let in from is no block of addresses.
    AddressForm = "E0153",
    /// A public key is neither a file nor a key that EC2 takes.
    PublicKeyForm = "E0154",
    /// A group has no nodes now.
    GroupWithoutNodes = "W0201",
    /// The cluster has no nodes.
    ClusterWithoutNodes = "W0202",
    /// A machine has so little memory that its system may not start.
    LittleMemory = "W0203",
    /// A mount option is there twice.
    OptionTwice = "W0204",
    /// A mount hides the home directories of the image.
    HidesHomes = "W0205",
    /// A key of a managed network has no effect, as there is none.
    KeyWithoutNetwork = "W0208",
    /// Ssh is let in from everywhere.
    SshFromEverywhere = "W0209",
}

impl Code {
    /// Returns how bad a mistake of the kind is.
    #[must_use]
    pub fn severity(self) -> Severity {
        if self.as_str().starts_with('W') { Severity::Warning } else { Severity::Error }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
