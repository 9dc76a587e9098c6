"""boto3 told to sign with Signature Version 2: by header, by URL and in a form."""

import os

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError

bucket = os.environ["BUCKET"] + "-boto3"
config = Config(signature_version="s3", s3={"addressing_style": "path"}, retries={"max_attempts": 0})
pool = urllib3.PoolManager(ca_certs=os.environ["CA_FILE"])

# As the gateway comes, it says what it wants instead.
refused = boto3.client("s3", endpoint_url=os.environ["ENDPOINT"], config=config)
try:
    refused.list_buckets()
except ClientError as error:
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400, error
    assert "AWS4-HMAC-SHA256" in error.response["Error"]["Message"], error
else:
    raise AssertionError("a signature of version 2 was accepted without --sigv2")

s3 = boto3.client("s3", endpoint_url=os.environ["SIGV2_ENDPOINT"], config=config)
s3.create_bucket(Bucket=bucket)
for key in ("plain", "with space", "plus+&ü/😀"):
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), Metadata={"a": "b"}, ContentType="text/x")
    answer = s3.get_object(Bucket=bucket, Key=key, ResponseContentType="text/y")
    assert answer["Body"].read() == key.encode()
    assert answer["ContentType"] == "text/y" and answer["Metadata"] == {"a": "b"}, answer
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key})
    assert "AWSAccessKeyId=" in url, url
    assert pool.request("GET", url).data == key.encode()
    assert pool.request("GET", url.replace("Signature=", "Signature=0")).status == 403
s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"

form = s3.generate_presigned_post(bucket, "by-form")
assert "AWSAccessKeyId" in form["fields"], form
answer = pool.request("POST", form["url"], fields={**form["fields"], "file": ("f", b"a file")})
assert answer.status == 204, answer.data
assert s3.get_object(Bucket=bucket, Key="by-form")["Body"].read() == b"a file"

versions = s3.list_object_versions(Bucket=bucket)["Versions"]
objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in versions]
s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
s3.delete_bucket(Bucket=bucket)
