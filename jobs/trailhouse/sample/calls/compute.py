"""Calls of EC2, Lambda, ECS, EKS, load balancing, Route 53 and CloudFormation, as literal rows."""

from __future__ import annotations

from trailhouse.sample.calls.call import ABSENT, Call

_INSTANCES = {"items": [{"instanceId": "<instance>"}]}
_TAGS = {
    "items": [
        {"resourceType": "instance", "tags": [{"key": "Name", "value": "<text>"}, {"key": "team", "value": "<team>"}]}
    ]
}
_FUNCTION = "arn:aws:lambda:<region>:<account>:function:<function>"
_PERMISSION = {
    "ipProtocol": "tcp",
    "fromPort": 443,
    "toPort": 443,
    "groups": {},
    "ipRanges": {"items": [{"cidrIp": "<cidr>", "description": "HTTPS from the office"}]},
    "ipv6Ranges": {"items": [{"cidrIpv6": "2001:db8::/32"}]},
    "prefixListIds": {},
}
_STACK = "arn:aws:cloudformation:<region>:<account>:stack/<stack>/<uuid>"
_CLUSTER = "arn:aws:ecs:<region>:<account>:cluster/<cluster>"

COMPUTE: tuple[Call, ...] = (
    Call(
        "ec2",
        "DescribeInstances",
        "people:10 ci:8 app:3 slr:12 audit:6",
        True,
        {
            "instancesSet": {},
            "filterSet": {"items": [{"name": "instance-state-name", "valueSet": {"items": [{"value": "running"}]}}]},
        },
        errors="unauthorized limit server",
    ),
    Call(
        "ec2",
        "DescribeInstanceStatus",
        "slr:8 app:2",
        True,
        {"instancesSet": _INSTANCES, "filterSet": {}, "includeAllInstances": False},
        errors="unauthorized limit no-instance",
    ),
    Call(
        "ec2",
        "DescribeSecurityGroups",
        "people:5 ci:5 slr:6 audit:6",
        True,
        {"securityGroupSet": {}, "securityGroupIdSet": {"items": [{"groupId": "<sg>"}]}, "filterSet": {}},
        errors="unauthorized limit",
    ),
    Call(
        "ec2",
        "DescribeVpcs",
        "people:4 ci:6 slr:3 audit:3",
        True,
        {"vpcSet": {}, "filterSet": {}},
        errors="unauthorized",
    ),
    Call(
        "ec2",
        "DescribeSubnets",
        "people:3 ci:6 slr:3",
        True,
        {"subnetSet": {"items": [{"subnetId": "<subnet>"}]}, "filterSet": {}},
        errors="unauthorized",
    ),
    Call(
        "ec2",
        "DescribeRouteTables",
        "ci:6 slr:2",
        True,
        {
            "routeTableIdSet": {},
            "filterSet": {"items": [{"name": "vpc-id", "valueSet": {"items": [{"value": "<vpc>"}]}}]},
        },
    ),
    Call(
        "ec2",
        "DescribeVolumes",
        "people:2 slr:4 audit:2",
        True,
        {"volumeSet": {}, "filterSet": {}},
        errors="unauthorized",
    ),
    Call(
        "ec2",
        "DescribeImages",
        "ci:3 people:1",
        True,
        {"executableBySet": {}, "imagesSet": {}, "ownersSet": {"items": [{"owner": "self"}]}, "filterSet": {}},
        errors="unauthorized",
    ),
    Call(
        "ec2",
        "DescribeNetworkInterfaces",
        "slr:9 people:1 app:1",
        True,
        {"networkInterfaceIdSet": {"items": [{"networkInterfaceId": "<eni>"}]}, "filterSet": {}},
        errors="unauthorized limit",
    ),
    Call(
        "ec2", "DescribeAvailabilityZones", "ci:3 slr:3", True, {"availabilityZoneSet": {}, "availabilityZoneIdSet": {}}
    ),
    Call(
        "ec2",
        "DescribeNatGateways",
        "ci:2 audit:1",
        True,
        {"DescribeNatGatewaysRequest": ""},
        odd="XML: an empty element is an empty text",
    ),
    Call(
        "ec2",
        "DescribeNatGateways",
        "ci:1",
        True,
        {"DescribeNatGatewaysRequest": {"NatGatewayId": {"tag": 1, "content": "nat-<hex17>"}}},
    ),
    Call(
        "ec2",
        "DescribeInstanceTypes",
        "ci:1 people:0.5",
        True,
        {
            "DescribeInstanceTypesRequest": {
                "InstanceType": [{"tag": 1, "content": "t3.micro"}, {"tag": 2, "content": "m7g.large"}],
                "MaxResults": 100,
            }
        },
        odd="XML: several children are an array",
    ),
    Call(
        "ec2",
        "GetConsoleScreenshot",
        "people:0.2",
        True,
        {"instanceId": "<instance>"},
        errors="unauthorized no-instance",
    ),
    Call(
        "ec2",
        "RunInstances",
        "ci:2 slr:1.5 people:0.3",
        False,
        {
            "instancesSet": {"items": [{"imageId": "ami-<hex17>", "minCount": 1, "maxCount": 1, "keyName": "ops"}]},
            "instanceType": "<itype>",
            "blockDeviceMapping": {},
            "monitoring": {"enabled": False},
            "disableApiTermination": False,
            "disableApiStop": False,
            "subnetId": "<subnet>",
            "userData": "<sensitiveDataRemoved>",
            "clientToken": "<uuid>",
            "ebsOptimized": False,
            "tagSpecificationSet": _TAGS,
        },
        {
            "requestId": "<uuid>",
            "reservationId": "r-<hex17>",
            "ownerId": "<account>",
            "groupSet": {},
            "instancesSet": {
                "items": [
                    {
                        "instanceId": "<instance>",
                        "imageId": "ami-<hex17>",
                        "instanceType": "<itype>",
                        "instanceState": {"code": 0, "name": "pending"},
                        "privateDnsName": "",
                        "amiLaunchIndex": 0,
                        "launchTime": "<#millis>",
                        "subnetId": "<subnet>",
                        "vpcId": "<vpc>",
                        "privateIpAddress": "192.0.2.77",
                        "architecture": "arm64",
                        "placement": {"availabilityZone": "<region>a", "tenancy": "default"},
                        "tagSet": {"items": [{"key": "team", "value": "<team>"}]},
                    }
                ]
            },
        },
        errors="unauthorized dry-run",
    ),
    Call(
        "ec2",
        "TerminateInstances",
        "ci:1.5 slr:1.4 people:0.2",
        False,
        {"instancesSet": _INSTANCES},
        {
            "requestId": "<uuid>",
            "instancesSet": {
                "items": [
                    {
                        "instanceId": "<instance>",
                        "currentState": {"code": 32, "name": "shutting-down"},
                        "previousState": {"code": 16, "name": "running"},
                    }
                ]
            },
        },
        errors="unauthorized no-instance",
    ),
    Call(
        "ec2",
        "StopInstances",
        "batch:1 people:0.4",
        False,
        {"instancesSet": _INSTANCES, "force": False},
        {
            "requestId": "<uuid>",
            "instancesSet": {
                "items": [
                    {
                        "instanceId": "<instance>",
                        "currentState": {"code": 64, "name": "stopping"},
                        "previousState": {"code": 16, "name": "running"},
                    }
                ]
            },
        },
        errors="unauthorized no-instance",
    ),
    Call(
        "ec2",
        "CreateTags",
        "ci:2 slr:1",
        False,
        {
            "resourcesSet": {"items": [{"resourceId": "<instance>"}]},
            "tagSet": {"items": [{"key": "Name", "value": "<text>"}, {"key": "keep", "value": True}]},
        },
        {"requestId": "<uuid>", "_return": True},
        errors="unauthorized",
    ),
    Call(
        "ec2",
        "CreateSecurityGroup",
        "ci:0.5 people:0.1",
        False,
        {"groupName": "web-<hex8>", "groupDescription": "Allow HTTPS", "vpcId": "<vpc>"},
        {"requestId": "<uuid>", "_return": True, "groupId": "<sg>"},
        errors="unauthorized",
    ),
    Call(
        "ec2",
        "AuthorizeSecurityGroupIngress",
        "ci:0.6 people:0.3",
        False,
        {"groupId": "<sg>", "ipPermissions": {"items": [_PERMISSION]}},
        {
            "requestId": "<uuid>",
            "_return": True,
            "securityGroupRuleSet": {
                "items": [
                    {
                        "groupOwnerId": "<account>",
                        "groupId": "<sg>",
                        "securityGroupRuleId": "sgr-<hex17>",
                        "isEgress": False,
                        "ipProtocol": "tcp",
                        "fromPort": 443,
                        "toPort": 443,
                        "cidrIpv4": "<cidr>",
                    }
                ]
            },
        },
        errors="unauthorized",
    ),
    Call(
        "ec2",
        "RevokeSecurityGroupIngress",
        "ci:0.2",
        False,
        {"groupId": "<sg>", "ipPermissions": {"items": [_PERMISSION]}},
        {"requestId": "<uuid>", "_return": True},
        errors="unauthorized",
    ),
    Call(
        "ec2",
        "DeleteSecurityGroup",
        "ci:0.2",
        False,
        {"groupId": "<sg>"},
        {"requestId": "<uuid>", "_return": True},
        errors="unauthorized",
    ),
    Call(
        "ec2",
        "CreateFlowLogs",
        "ci:0.2",
        False,
        {
            "CreateFlowLogsRequest": {
                "ResourceId": {"tag": 1, "content": "<vpc>"},
                "ResourceType": "VPC",
                "TrafficType": "REJECT",
                "MaxAggregationInterval": 600,
                "TagSpecification": {
                    "ResourceType": "vpc-flow-log",
                    "tag": 1,
                    "Tag": {"Value": True, "tag": 1, "Key": "Audit"},
                },
            }
        },
        {
            "CreateFlowLogsResponse": {
                "xmlns": "http://ec2.amazonaws.com/doc/2016-11-15/",
                "requestId": "<uuid>",
                "clientToken": "<b64>",
                "unsuccessful": "",
                "flowLogIdSet": {"item": "fl-<hex17>"},
            }
        },
        odd="`Tag` beside `tag`",
    ),
    Call(
        "ec2",
        "CreateNetworkInterface",
        "slr:2",
        False,
        {
            "subnetId": "<subnet>",
            "description": "AWS Lambda VPC ENI-<function>-<uuid>",
            "groupSet": {"items": [{"groupId": "<sg>"}]},
            "ipv6AddressCount": 0,
            "privateIpAddressesSet": {},
        },
        {
            "requestId": "<uuid>",
            "networkInterface": {
                "networkInterfaceId": "<eni>",
                "subnetId": "<subnet>",
                "vpcId": "<vpc>",
                "ownerId": "<account>",
                "status": "pending",
            },
        },
        errors="unauthorized",
    ),
    Call("autoscaling", "DescribeAutoScalingGroups", "slr:5 ci:2", True, {"maxRecords": 100}, errors="denied"),
    Call(
        "lambda",
        "Invoke",
        "app:26 svc-apigateway:10",
        False,
        {"functionName": _FUNCTION, "invocationType": "RequestResponse", "clientContext": "<b64>"},
        None,
        [{"accountId": "<account>", "type": "AWS::Lambda::Function", "ARN": _FUNCTION}],
        {"functionVersion": _FUNCTION + ":$LATEST"},
        errors="denied-exception throttled",
        category="Data",
    ),
    Call("lambda", "ListFunctions20150331", "people:3 audit:3", True, {"maxItems": 50}, errors="denied-exception"),
    Call(
        "lambda",
        "GetFunction20150331v2",
        "ci:4 people:1",
        True,
        {"functionName": "<function>"},
        errors="denied-exception no-resource",
    ),
    Call(
        "lambda",
        "UpdateFunctionCode20150331v2",
        "ci:1.2",
        False,
        {
            "functionName": "<function>",
            "publish": True,
            "s3Bucket": "<bucket>",
            "s3Key": "builds/<uuid>.zip",
            "dryRun": False,
        },
        {
            "functionName": "<function>",
            "functionArn": _FUNCTION,
            "runtime": "python3.13",
            "codeSize": "<#bytes>",
            "role": "arn:aws:iam::<account>:role/<iamrole>",
            "timeout": 30,
            "memorySize": 512,
            "version": "42",
            "lastModified": "<time>",
            "architectures": ["arm64"],
            "revisionId": "<uuid>",
            "environment": {"variables": "HIDDEN_DUE_TO_SECURITY_REASONS"},
        },
        errors="denied-exception",
    ),
    Call(
        "lambda",
        "AddPermission20150331v2",
        "ci:0.3",
        False,
        {
            "functionName": "<function>",
            "statementId": "api-<hex8>",
            "action": "lambda:InvokeFunction",
            "principal": "apigateway.amazonaws.com",
        },
        {"statement": '{"Sid":"api","Effect":"Allow","Action":"lambda:InvokeFunction"}'},
        errors="denied-exception",
    ),
    Call(
        "ecs",
        "DescribeServices",
        "ci:6 people:1 slr:3",
        True,
        {"cluster": "<cluster>", "services": ["web"]},
        errors="denied-exception",
    ),
    Call(
        "ecs",
        "RunTask",
        "ci:1 app:1",
        False,
        {
            "cluster": _CLUSTER,
            "taskDefinition": "worker:12",
            "count": 1,
            "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["<subnet>"], "assignPublicIp": "DISABLED"}},
            "overrides": {"containerOverrides": [{"name": "worker", "environment": "HIDDEN_DUE_TO_SECURITY_REASONS"}]},
        },
        {
            "tasks": [
                {
                    "taskArn": "arn:aws:ecs:<region>:<account>:task/<cluster>/<hex8><hex8><hex8><hex8>",
                    "clusterArn": _CLUSTER,
                    "lastStatus": "PROVISIONING",
                    "desiredStatus": "RUNNING",
                    "cpu": "256",
                    "createdAt": "<javatime>",
                }
            ],
            "failures": [],
        },
        errors="denied-exception",
    ),
    Call(
        "ecs",
        "SubmitTaskStateChange",
        "svc-ecs:4",
        False,
        {"cluster": "<cluster>", "task": "<uuid>", "status": "RUNNING", "containers": []},
        {"acknowledgment": "<uuid>"},
    ),
    Call(
        "ecs",
        "UpdateService",
        "ci:1",
        False,
        {"cluster": "<cluster>", "service": "web", "desiredCount": 3, "forceNewDeployment": True},
        {
            "service": {
                "serviceName": "web",
                "clusterArn": _CLUSTER,
                "desiredCount": 3,
                "runningCount": 2,
                "createdAt": "<javatime>",
                "status": "ACTIVE",
            }
        },
        errors="denied-exception",
    ),
    Call("eks", "DescribeCluster", "ci:5 app:2 people:1", True, {"name": "<cluster>"}, errors="denied-exception"),
    Call("eks", "ListClusters", "audit:2 people:1", True, {"maxResults": 100}, errors="denied-exception"),
    Call(
        "elasticloadbalancing",
        "DescribeTargetHealth",
        "slr:6 ci:3",
        True,
        {"targetGroupArn": "arn:aws:elasticloadbalancing:<region>:<account>:targetgroup/web/<hex17>"},
        errors="denied throttled",
        api_version="2015-12-01",
    ),
    Call(
        "elasticloadbalancing",
        "RegisterTargets",
        "slr:1.5",
        False,
        {
            "targetGroupArn": "arn:aws:elasticloadbalancing:<region>:<account>:targetgroup/web/<hex17>",
            "targets": [{"id": "<instance>", "port": 8080}],
        },
        {},
        errors="denied",
        api_version="2015-12-01",
        odd="an empty object as answer",
    ),
    Call(
        "elasticloadbalancing",
        "DescribeLoadBalancers",
        "people:2 ci:3 slr:3 audit:2",
        True,
        {"pageSize": 400},
        errors="denied",
        api_version="2015-12-01",
    ),
    Call(
        "route53",
        "ListHostedZones",
        "people:1 audit:2 ci:1",
        True,
        None,
        errors="denied",
        everywhere=False,
        api_version="2013-04-01",
    ),
    Call(
        "route53",
        "ChangeResourceRecordSets",
        "ci:0.6",
        False,
        {
            "hostedZoneId": "ZEXAMPLE<hex8>",
            "changeBatch": {
                "comment": "<text>",
                "changes": [
                    {
                        "action": "UPSERT",
                        "resourceRecordSet": {
                            "name": "app.example.com.",
                            "type": "A",
                            "tTL": 60,
                            "resourceRecords": [{"value": "198.51.100.10"}],
                        },
                    }
                ],
            },
        },
        {"changeInfo": {"id": "/change/CEXAMPLE<hex8>", "status": "PENDING", "submittedAt": "<javatime>"}},
        errors="denied",
        everywhere=False,
        api_version="2013-04-01",
    ),
    Call(
        "cloudformation",
        "DescribeStacks",
        "ci:12 people:2",
        True,
        {"stackName": "<stack>"},
        errors="stack throttled denied",
    ),
    Call("cloudformation", "DescribeStackEvents", "ci:8 people:1", True, {"stackName": _STACK}, errors="throttled"),
    Call(
        "cloudformation",
        "CreateChangeSet",
        "ci:1.2",
        False,
        {
            "stackName": "<stack>",
            "changeSetName": "deploy-<hex8>",
            "changeSetType": "UPDATE",
            "capabilities": ["CAPABILITY_NAMED_IAM"],
            "parameters": [{"parameterKey": "Stage", "parameterValue": "****"}],
            "tags": [{"key": "commit", "value": "<hex17>"}],
        },
        {"id": "arn:aws:cloudformation:<region>:<account>:changeSet/deploy/<uuid>", "stackId": _STACK},
        errors="denied",
    ),
    Call(
        "cloudformation",
        "ExecuteChangeSet",
        "ci:1",
        False,
        {"changeSetName": "deploy-<hex8>", "stackName": "<stack>"},
        None,
        ABSENT,
        errors="denied",
    ),
    Call("cloudformation", "DeleteStack", "ci:0.2", False, {"stackName": "<stack>"}, None, errors="denied"),
)
