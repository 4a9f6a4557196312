//! Security groups and key pairs: what lets ssh in.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wucluster_core::ids::InstanceId;
use wucluster_core::observation::{Found, InstanceState};
use wucluster_core::tags::Tags;

use crate::account::NETWORK;
use crate::filters::Filters;
use crate::form::Form;
use crate::front::{ACCOUNT, Desk};
use crate::refusal::{Failure, misunderstood, refuse};
use crate::shown;
use crate::xml::Xml;

/// All that there is.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    groups: BTreeMap<String, Group>,
    keys: BTreeMap<String, Key>,
    /// With which groups instances were run.
    users: BTreeMap<InstanceId, Vec<String>>,
    made: u32,
}

#[derive(Debug)]
struct Group {
    name: String,
    description: String,
    tags: Tags,
    /// Who is let in to which port, and what is said of it.
    rules: BTreeMap<(u16, String), String>,
}

#[derive(Debug)]
struct Key {
    public: String,
    tags: Tags,
}

impl Doors {
    /// Refuses a group or key that is not there.
    pub(crate) fn check(&self, groups: &[String], key: Option<&str>) -> Result<(), Failure> {
        if let Some(group) = groups.iter().find(|group| !self.groups.contains_key(*group)) {
            return Err(no_group(group));
        }
        match key.filter(|key| !self.keys.contains_key(*key)) {
            None => Ok(()),
            Some(key) => {
                let why = format!("The key pair '{key}' does not exist");
                Err(refuse("InvalidKeyPair.NotFound", why))
            }
        }
    }

    /// Takes down with which groups an instance was run.
    pub(crate) fn ran(&mut self, instance: InstanceId, groups: Vec<String>) {
        self.users.insert(instance, groups);
    }

    /// Lists the groups of an instance.
    pub(crate) fn groups_of(&self, instance: &InstanceId) -> &[String] {
        self.users.get(instance).map_or(&[], Vec::as_slice)
    }
}

impl Desk {
    pub(crate) fn describe_security_groups(&self, mut form: Form) -> Result<Xml, Failure> {
        let filters = Filters::take(&mut form, "group-id", &["group-name"])?;
        form.finish()?;
        let kept = self.kept();
        let groups = kept.doors.groups.iter();
        let groups = groups.filter(|(id, group)| {
            filters.fit(id, &group.tags) && filters.allows("group-name", &group.name)
        });
        let mut xml = Xml::default();
        xml.list("securityGroupInfo", groups, |xml, (id, group)| {
            xml.leaf("groupId", id);
            xml.leaf("groupName", &group.name);
            xml.leaf("groupDescription", &group.description);
            xml.leaf("ownerId", ACCOUNT);
            xml.leaf("vpcId", NETWORK);
            xml.list("ipPermissions", &group.rules, |xml, ((port, from), told)| {
                xml.leaf("ipProtocol", "tcp");
                xml.leaf("fromPort", port);
                xml.leaf("toPort", port);
                let is_v6 = from.contains(':');
                let (list, item) =
                    if is_v6 { ("ipv6Ranges", "cidrIpv6") } else { ("ipRanges", "cidrIp") };
                xml.list(list, [from], |xml, from| {
                    xml.leaf(item, from);
                    xml.leaf("description", told);
                });
            });
            shown::tags(xml, &group.tags);
        });
        Ok(xml)
    }

    pub(crate) fn create_security_group(&self, mut form: Form) -> Result<Xml, Failure> {
        let name = form.need("GroupName")?;
        let description = form.need("GroupDescription")?;
        let network = form.take("VpcId");
        let tags = own_tags(&mut form, "security-group")?;
        form.finish()?;
        if network.as_deref().is_some_and(|network| network != NETWORK) {
            let why = format!("The vpc ID '{network:?}' does not exist");
            return Err(refuse("InvalidVpcID.NotFound", why));
        }
        let mut kept = self.kept();
        let doors = &mut kept.doors;
        if doors.groups.values().any(|group| group.name == name) {
            let why = format!("The security group '{name}' already exists");
            return Err(refuse("InvalidGroup.Duplicate", why));
        }
        doors.made += 1;
        let id = format!("sg-{:017x}", doors.made);
        let mut xml = Xml::default();
        xml.leaf("return", true);
        xml.leaf("groupId", &id);
        shown::tags(&mut xml, &tags);
        doors.groups.insert(id, Group { name, description, tags, rules: BTreeMap::new() });
        Ok(xml)
    }

    /// Lets somebody in, or out.
    pub(crate) fn ingress(&self, mut form: Form, opens: bool) -> Result<Xml, Failure> {
        let id = form.need("GroupId")?;
        let at = "IpPermissions.1";
        let (protocol, from, to) = (
            form.need(&format!("{at}.IpProtocol"))?,
            form.read_as::<u16>(&format!("{at}.FromPort"))?,
            form.read_as::<u16>(&format!("{at}.ToPort"))?,
        );
        let mut range = |list: &str, item: &str| {
            let block = form.take(&format!("{at}.{list}.1.{item}"))?;
            Some((block, form.take(&format!("{at}.{list}.1.Description")).unwrap_or_default()))
        };
        let v4 = range("IpRanges", "CidrIp");
        let v6 = range("Ipv6Ranges", "CidrIpv6");
        form.finish()?;
        let (Some(port), true, Some((block, told))) =
            (from, from == to && protocol == "tcp", v4.or(v6))
        else {
            let why = "a rule is about one port of TCP and one block here";
            return Err(misunderstood("InvalidParameterValue", why));
        };
        let mut kept = self.kept();
        let group = kept.doors.groups.get_mut(&id).ok_or_else(|| no_group(&id))?;
        let rule = (port, block);
        match (opens, group.rules.contains_key(&rule)) {
            (true, true) => {
                return Err(refuse("InvalidPermission.Duplicate", "the rule already exists"));
            }
            (false, false) => {
                return Err(refuse("InvalidPermission.NotFound", "there is no such rule"));
            }
            (true, false) => drop(group.rules.insert(rule, told)),
            (false, true) => drop(group.rules.remove(&rule)),
        }
        let mut xml = Xml::default();
        xml.leaf("return", true);
        Ok(xml)
    }

    /// Deletes a group that no instance has.
    pub(crate) async fn delete_security_group(&self, mut form: Form) -> Result<Xml, Failure> {
        let id = form.need("GroupId")?;
        form.finish()?;
        let users: Vec<InstanceId> = {
            let kept = self.kept();
            kept.doors.check(std::slice::from_ref(&id), None)?;
            let users = kept.doors.users.iter();
            users.filter(|(_, groups)| groups.contains(&id)).map(|(user, _)| user.clone()).collect()
        };
        for user in users {
            let found = self.cloud.find(user.as_str()).await?;
            if let Some(Found::Instance(seen)) = found
                && seen.state != InstanceState::Terminated
            {
                let why = format!("resource {id} has a dependent object");
                return Err(refuse("DependencyViolation", why));
            }
        }
        self.kept().doors.groups.remove(&id);
        let mut xml = Xml::default();
        xml.leaf("return", true);
        xml.leaf("groupId", id);
        Ok(xml)
    }

    pub(crate) fn describe_key_pairs(&self, mut form: Form) -> Result<Xml, Failure> {
        let with_key = form.read_as::<bool>("IncludePublicKey")?.unwrap_or_default();
        let filters = Filters::take(&mut form, "key-name", &[])?;
        form.finish()?;
        let kept = self.kept();
        let keys = kept.doors.keys.iter().filter(|(name, key)| filters.fit(name, &key.tags));
        let mut xml = Xml::default();
        xml.list("keySet", keys, |xml, (name, key)| {
            xml.leaf("keyName", name);
            xml.leaf("keyType", "ed25519");
            xml.leaf_of("publicKey", with_key.then_some(&key.public));
            shown::tags(xml, &key.tags);
        });
        Ok(xml)
    }

    pub(crate) fn import_key_pair(&self, mut form: Form) -> Result<Xml, Failure> {
        let name = form.need("KeyName")?;
        let public = form.need("PublicKeyMaterial")?;
        let tags = own_tags(&mut form, "key-pair")?;
        form.finish()?;
        let public = STANDARD.decode(public).ok().and_then(|key| String::from_utf8(key).ok());
        let Some(public) = public.filter(|key| key.starts_with("ssh-")) else {
            return Err(refuse(
                "InvalidKey.Format",
                "Key is not in valid OpenSSH public key format",
            ));
        };
        let mut kept = self.kept();
        if kept.doors.keys.contains_key(&name) {
            let why = format!("The keypair '{name}' already exists");
            return Err(refuse("InvalidKeyPair.Duplicate", why));
        }
        let mut xml = Xml::default();
        xml.leaf("keyName", &name);
        shown::tags(&mut xml, &tags);
        kept.doors.keys.insert(name, Key { public, tags });
        Ok(xml)
    }

    pub(crate) fn delete_key_pair(&self, mut form: Form) -> Result<Xml, Failure> {
        let name = form.need("KeyName")?;
        form.finish()?;
        self.kept().doors.keys.remove(&name);
        let mut xml = Xml::default();
        xml.leaf("return", true);
        Ok(xml)
    }
}

fn no_group(id: &str) -> Failure {
    refuse("InvalidGroup.NotFound", format!("The security group '{id}' does not exist"))
}

/// Takes the tags of what is made, which must be for nothing else.
fn own_tags(form: &mut Form, kind: &str) -> Result<Tags, Failure> {
    let mut tags = form.tag_specifications()?;
    let own = tags.remove(kind).unwrap_or_default();
    if tags.is_empty() {
        return Ok(own);
    }
    Err(misunderstood(
        "InvalidParameterValue",
        format!("only a {kind} is made, and tags are for more"),
    ))
}
