# SPDX-License-Identifier: Apache-2.0
"""aws_boto3.py URL WHAT: calls to one of AWS's services, one that succeeds and one that is refused."""
import sys

import boto3
import botocore.config
import botocore.exceptions

url, what = sys.argv[1:]
config = botocore.config.Config(retries={"max_attempts": 0}, region_name="eu-west-1")


def client(service):
    return boto3.client(service, endpoint_url=url, config=config, aws_access_key_id="AK", aws_secret_access_key="SK")


def dynamodb():
    c = client("dynamodb")
    c.put_item(TableName="pets", Item={"id": {"S": "7"}})
    return lambda name: c.get_item(TableName=name, Key={"id": {"S": "7"}})


def sqs():
    c = client("sqs")
    c.send_message(QueueUrl=url + "/123456789012/orders", MessageBody="hello")
    c.receive_message(QueueUrl=url + "/123456789012/orders")
    return lambda name: c.delete_message(QueueUrl=f"{url}/123456789012/{name}", ReceiptHandle="r")


def sns():
    c = client("sns")
    c.publish(TopicArn="arn:aws:sns:eu-west-1:123456789012:orders", Message="hello")
    return lambda name: c.publish(TopicArn=f"arn:aws:sns:eu-west-1:123456789012:{name}", Message="hello")


def s3():
    c = client("s3")
    c.put_object(Bucket="shop", Key="a b/ü", Body=b"x" * 3000)
    c.copy_object(Bucket="shop", Key="copy", CopySource="shop/a")
    c.list_objects_v2(Bucket="shop")
    c.head_object(Bucket="shop", Key="copy")
    return lambda name: c.get_object(Bucket="shop", Key=name)


def lambda_():
    c = client("lambda")
    c.invoke(FunctionName="pay", Payload=b"{}")
    c.invoke(FunctionName="arn:aws:lambda:eu-west-1:123456789012:function:pay:live", Payload=b"{}")
    return lambda name: c.invoke(FunctionName=name, Payload=b"{}")


def kinesis():
    c = client("kinesis")
    c.put_record(StreamName="clicks", Data=b"x", PartitionKey="k")
    return lambda name: c.put_record(StreamName=name, Data=b"x", PartitionKey="k")


def stepfunctions():
    c = client("stepfunctions")
    machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:"
    c.start_execution(stateMachineArn=machine + "order", input="{}")
    return lambda name: c.start_execution(stateMachineArn=machine + name, input="{}")


def events():
    c = client("events")
    c.put_events(Entries=[{"Source": "a", "DetailType": "b", "Detail": "{}"}])
    return lambda name: c.put_events(Entries=[{"Source": name, "DetailType": "b", "Detail": "{}"}])


def secretsmanager():
    c = client("secretsmanager")
    c.get_secret_value(SecretId="db")
    return lambda name: c.get_secret_value(SecretId=name)


def sts():
    c = client("sts")
    c.get_caller_identity()
    return lambda name: c.assume_role(RoleArn="arn:aws:iam::123456789012:role/" + name, RoleSessionName=name)


try:
    globals()[what]()("missing")
except botocore.exceptions.ClientError as e:
    print(e)
