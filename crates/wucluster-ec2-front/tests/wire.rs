//! What the server itself does on the wire: what it refuses, and what is on record of it.

#![allow(clippy::unwrap_used, reason = "a test panics")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use wucluster_ec2_front::{Front, FrontOptions};
use wucluster_sim::{Durations, Limits, Sim, World};

const IMAGE: &str =
    "ImageId=ami-0123456789abcdef0&InstanceType=t3.micro&Placement.AvailabilityZone=sim-1a";

fn front() -> Front {
    let world = World::new(1).with_durations(Durations::fast()).with_limits(Limits::generous());
    Front::begin(Arc::new(Sim::new(world).cloud()), FrontOptions::default()).unwrap()
}

/// Sends a form as it is; returns the status and the body of the answer, or nothing where there is none.
fn ask(front: &Front, form: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(front.url().trim_start_matches("http://")).unwrap();
    let length = form.len();
    write!(stream, "POST / HTTP/1.1\r\nHost: ec2\r\nContent-Length: {length}\r\n\r\n{form}")
        .unwrap();
    // The server goes on listening: no more comes.
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Returns the texts of all elements of a name.
fn all<'a>(body: &'a str, name: &str) -> Vec<&'a str> {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    let parts = body.split(begin.as_str()).skip(1);
    parts.filter_map(|part| part.split(end.as_str()).next()).collect()
}

#[test]
fn what_is_not_understood_is_refused_before_anything_is_done_and_is_on_record() {
    let front = front();
    let cases = [
        ("Action=RebootInstances&InstanceId.1=i-1", "InvalidAction"),
        ("{\"Name\":\"/aws/service\"}", "InvalidAction"),
        (
            "Action=DescribeInstances&Filter.1.Name=vpc-id&Filter.1.Value.1=v",
            "InvalidParameterValue",
        ),
        ("Action=DescribeVolumes", "InvalidParameterValue"),
        ("Action=DescribeVolumes&VolumeId.1=vol-1&MaxResults=5", "InvalidParameterCombination"),
        ("Action=TerminateInstances&InstanceId.1=i-1&Force=true", "UnknownParameter"),
        ("Action=DetachVolume&VolumeId=vol-1&InstanceId=i-1&Force=true", "UnknownParameter"),
        ("Action=DescribeSnapshots&Owner.1=amazon&SnapshotId.1=snap-1", "InvalidParameterValue"),
    ];
    for (form, code) in cases {
        let (status, body) = ask(&front, form).unwrap();
        assert_eq!((status, all(&body, "Code")), (400, vec![code]), "{form}: {body}");
    }
    assert_eq!(front.misunderstood().len(), cases.len(), "{:?}", front.misunderstood());
}

#[test]
fn what_is_understood_and_refused_is_not_on_record_as_not_understood() {
    let front = front();
    let tags = "TagSpecification.1.ResourceType=instance&TagSpecification.1.Tag.1.Key=a&TagSpecification.1.Tag.1.Value=b";
    let run = format!("Action=RunInstances&ClientToken=t&MinCount=1&MaxCount=1&{IMAGE}&{tags}");
    let cases = [
        ("Action=DeleteVolume&VolumeId=vol-1".to_owned(), 400, "InvalidVolume.NotFound"),
        ("Action=StartInstances&InstanceId.1=i-1".to_owned(), 400, "InvalidInstanceID.NotFound"),
        ("Action=DescribeVolumes&VolumeId.1=vol-1".to_owned(), 400, "InvalidVolume.NotFound"),
        (format!("{run}&DryRun=true"), 412, "DryRunOperation"),
    ];
    for (form, status, code) in cases {
        let (seen, body) = ask(&front, &form).unwrap();
        assert_eq!((seen, all(&body, "Code")), (status, vec![code]), "{form}: {body}");
    }
    assert_eq!(front.misunderstood(), Vec::<String>::new());
    assert_eq!(front.refused()["DryRunOperation"], 1);
}

#[test]
fn several_instances_of_one_request_have_their_numbers_and_one_token() {
    let front = front();
    let run = format!("Action=RunInstances&ClientToken=t&MinCount=3&MaxCount=3&{IMAGE}");
    let (status, body) = ask(&front, &run).unwrap();
    assert_eq!((status, all(&body, "amiLaunchIndex")), (200, vec!["0", "1", "2"]), "{body}");
    let (_, again) = ask(&front, &run).unwrap();
    assert_eq!(all(&again, "instanceId"), all(&body, "instanceId"), "{again}");
    let other = run.replace("t3.micro", "t3.large");
    let (status, body) = ask(&front, &other).unwrap();
    assert_eq!((status, all(&body, "Code")), (400, vec!["IdempotentParameterMismatch"]), "{body}");
    assert_eq!(front.misunderstood(), Vec::<String>::new());
}

#[test]
fn two_volumes_of_an_instance_have_no_name_in_common() {
    let front = front();
    let run = format!("Action=RunInstances&ClientToken=t&MinCount=1&MaxCount=1&{IMAGE}");
    let (_, body) = ask(&front, &run).unwrap();
    let instance = all(&body, "instanceId")[0].to_owned();
    let attach = |token: &str, device: &str| {
        let make = format!(
            "Action=CreateVolume&ClientToken={token}&AvailabilityZone=sim-1a&Size=1&VolumeType=gp3"
        );
        let (_, body) = ask(&front, &make).unwrap();
        let volume = all(&body, "volumeId")[0].to_owned();
        let form =
            format!("Action=AttachVolume&VolumeId={volume}&InstanceId={instance}&Device={device}");
        // Instance and volume come about by themselves within milliseconds.
        loop {
            let (status, body) = ask(&front, &form).unwrap();
            if all(&body, "Code") != ["IncorrectState"] {
                return (status, body);
            }
        }
    };
    assert_eq!(attach("a", "/dev/sdf").0, 200);
    let (status, body) = attach("b", "/dev/sdf");
    assert!(status == 400 && body.contains("already in use"), "{body}");
    assert_eq!(attach("c", "/dev/sdg").0, 200);
    let (status, body) = attach("d", "/dev/xvda");
    assert!(status == 400 && body.contains("already in use"), "{body}");
}
