"""The newest boto3 as an application uses it, with its defaults: checksums, trailers over https."""

import io
import os
import urllib.request
import ssl

import boto3
import urllib3
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

endpoint = os.environ["ENDPOINT"]
bucket = os.environ["BUCKET"]
material = os.environ["MATERIAL"]
scratch = os.environ["SCRATCH"]

s3 = boto3.client("s3", endpoint_url=endpoint)


def content(name):
    with open(os.path.join(material, name), "rb") as file:
        return file.read()


def read(**kwargs):
    return s3.get_object(Bucket=bucket, **kwargs)["Body"].read()


def fails_with(code, call, **kwargs):
    try:
        call(**kwargs)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        assert error.response["ResponseMetadata"]["RequestId"]
        return
    raise AssertionError(f"{code} was expected")


s3.create_bucket(Bucket=bucket)
s3.get_waiter("bucket_exists").wait(Bucket=bucket)

# Small, large by parts, a stream without a known length, and every checksum botocore can compute.
s3.put_object(Bucket=bucket, Key="small", Body=content("small.txt"), Metadata={"a": "b"})
assert read(Key="small") == content("small.txt")
s3.upload_file(os.path.join(material, "large.bin"), bucket, "large")
s3.download_file(bucket, "large", os.path.join(scratch, "large.bin"))
with open(os.path.join(scratch, "large.bin"), "rb") as file:
    assert file.read() == content("large.bin")
s3.upload_fileobj(io.BytesIO(content("large.bin")), bucket, "file object", Config=TransferConfig(
    multipart_threshold=6 << 20, multipart_chunksize=5 << 20))
assert read(Key="file object") == content("large.bin")
with open(os.path.join(material, "large.bin"), "rb") as file:
    s3.put_object(Bucket=bucket, Key="one put", Body=file)
assert read(Key="one put") == content("large.bin")
for algorithm in ("CRC32", "SHA1", "SHA256"):
    s3.put_object(Bucket=bucket, Key=algorithm, Body=b"x" * 100_000, ChecksumAlgorithm=algorithm)
    answer = s3.get_object(Bucket=bucket, Key=algorithm, ChecksumMode="ENABLED")
    assert answer[f"Checksum{algorithm}"]
    assert answer["Body"].read() == b"x" * 100_000

head = s3.head_object(Bucket=bucket, Key="small")
assert head["Metadata"] == {"a": "b"}
assert head["ContentLength"] == 13
assert read(Key="large", Range="bytes=100-199") == content("large.bin")[100:200]

# Keys, listing by pages, copies.
keys = ["with space", "plus+", "ü/日本/😀", "a//b", "quote'", "percent%41", "cr\rlf\n", " lead"]
for key in keys:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
for key in keys:
    assert read(Key=key).decode() == key
listed = []
for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 4}):
    listed += [each["Key"] for each in page.get("Contents", [])]
assert set(keys) <= set(listed), listed
prefixes = s3.list_objects_v2(Bucket=bucket, Delimiter="/")["CommonPrefixes"]
assert [each["Prefix"] for each in prefixes] == ["a/", "ü/"]
s3.copy({"Bucket": bucket, "Key": "large"}, bucket, "copy")
assert read(Key="copy") == content("large.bin")

# Presigned URLs, used without boto3.
context = ssl.create_default_context(cafile=os.environ["CA_FILE"])
url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "presigned"})
with urllib.request.urlopen(urllib.request.Request(url, data=b"by urllib", method="PUT",
        headers={"Content-Type": ""}), context=context if url.startswith("https") else None):
    pass
url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "presigned"})
with urllib.request.urlopen(url, context=context if url.startswith("https") else None) as answer:
    assert answer.read() == b"by urllib"

# A form, posted as a browser posts it; fields that boto3 signed, and the file last.
def post_form(post, content):
    fields = {**post["fields"], "file": ("a photo.jpg", content, "image/jpeg")}
    pool = urllib3.PoolManager(ca_certs=os.environ["CA_FILE"])
    return pool.request("POST", post["url"], fields=fields, redirect=False)


form = s3.generate_presigned_post(
    bucket,
    "forms/${filename}",
    Fields={"acl": "public-read", "success_action_status": "201"},
    Conditions=[{"acl": "public-read"}, {"success_action_status": "201"},
                ["content-length-range", 1, 1000]],
)
answer = post_form(form, b"a form's file")
assert answer.status == 201, answer.data
assert b"<Key>forms/a photo.jpg</Key>" in answer.data, answer.data
assert read(Key="forms/a photo.jpg") == b"a form's file"
grants = s3.get_object_acl(Bucket=bucket, Key="forms/a photo.jpg")["Grants"]
assert [grant["Permission"] for grant in grants if grant["Grantee"]["Type"] == "Group"] == ["READ"]
answer = post_form(form, b"x" * 1001)
assert answer.status == 400 and b"<Code>EntityTooLarge</Code>" in answer.data, answer.data

# Versions, conditional writes, errors by code.
s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
first = s3.put_object(Bucket=bucket, Key="v", Body=b"one")["VersionId"]
s3.put_object(Bucket=bucket, Key="v", Body=b"two")
s3.delete_object(Bucket=bucket, Key="v")
assert read(Key="v", VersionId=first) == b"one"
fails_with("NoSuchKey", s3.get_object, Bucket=bucket, Key="v")
fails_with("NoSuchBucket", s3.get_object, Bucket=bucket + "-absent", Key="v")
fails_with("PreconditionFailed", s3.put_object, Bucket=bucket, Key="small", Body=b"x", IfNoneMatch="*")
fails_with("BucketNotEmpty", s3.delete_bucket, Bucket=bucket)

# Everything goes, versions and markers too.
for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
    objects = [
        {"Key": each["Key"], "VersionId": each["VersionId"]}
        for each in page.get("Versions", []) + page.get("DeleteMarkers", [])
    ]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert not answer.get("Errors"), answer["Errors"]
s3.delete_bucket(Bucket=bucket)
