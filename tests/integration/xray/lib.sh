# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced after ../lib.sh by the tests of what X-Ray is sent. A daemon of ours keeps the documents:
#
#   daemon                      starts it; its address in $daemon, what it was sent in $documents
#   documents_are N             waits until so many have come
#   documented SERVICE command  runs it under the library, spans to the daemon
#   check_documents CLAIM       each of them is one that X-Ray takes

documents=$dir/daemon/documents

daemon() {
	mkdir -p "$dir/daemon"
	/usr/bin/python3 "$here/xray_daemon.py" "$dir/daemon" &
	running="$running $!"
	wait_for 10 test -e "$dir/daemon/port" || skip "the daemon does not start"
	daemon=127.0.0.1:$(cat "$dir/daemon/port")
}

has_documents() {
	[ "$(wc -l <"$documents")" -ge "$1" ]
}

documents_are() {
	wait_for 10 has_documents "$1" || { echo "  fewer than $1 documents"; return 1; }
}

# the words before a command, in $env; a function would be a process in between
under_documented() {
	env=(env LD_PRELOAD="$library" OTEL_TRACES_EXPORTER=xray OTEL_PROPAGATORS=xray OTEL_SERVICE_NAME="$1"
		AWS_XRAY_DAEMON_ADDRESS="$daemon" OTEL_BSP_SCHEDULE_DELAY=50 AUTOTRACE_EXIT_FLUSH_MS=5000)
}

documented() {
	under_documented "$1"
	shift
	"${env[@]}" "$@"
}

check_documents() {
	check "$1" /usr/bin/python3 "$here/xray_check.py" "$top/tests/data/xray/segment-schema.json" "$documents"
}

fresh_daemon() {
	rm -rf "$dir/daemon"
	daemon
}

# Services of AWS, by plain HTTP, at $url.
aws_services() {
	mkdir -p "$dir/aws"
	/usr/bin/python3 "$here/xray/aws.py" "$dir/aws" &
	running="$running $!"
	wait_for 10 test -e "$dir/aws/port" || skip "the services do not start"
	port=$(cat "$dir/aws/port")
	url=http://127.0.0.1:$port
}

# What the clients of AWS want to know, and which attributes tell of their calls.
aws_environment() {
	export AWS_CONFIG_FILE=$dir/none AWS_EC2_METADATA_DISABLED=true AWS_ACCESS_KEY_ID=AK AWS_SECRET_ACCESS_KEY=SK
	export AWS_REGION=eu-west-1 AWS_DEFAULT_REGION=eu-west-1 AWS_PAGER= NODE_NO_WARNINGS=1 PYTHONWARNINGS=ignore
	# what is the same in each is said shorter
	tree_mask='s/ \[unknown[^]]*\] [A-Z]+ rpc.system=aws-api cloud.region=eu-west-1 http.response.status_code=/ /'
	attributes=rpc.system,cloud.region,http.response.status_code,autotrace.aws.error.code,aws.request_id
	attributes=$attributes,aws.extended_request_id,db.system.name,db.operation.name,aws.dynamodb.table_names
	attributes=$attributes,messaging.destination.name,messaging.operation.type,aws.sqs.queue.url,aws.sns.topic.arn
	attributes=$attributes,aws.s3.bucket,aws.s3.key,aws.s3.copy_source,faas.invoked_name,faas.invoked_region
	attributes=$attributes,aws.kinesis.stream_name,aws.step_functions.state_machine.arn,aws.secretsmanager.secret.arn
}

# calls CLAIM command... <<TREE: output and exit code are the same, and the spans are these
calls() {
	local claim=$1 good=0
	shift
	cat >"$dir/want"
	fresh_spans
	run_client plain "$@"
	run_client traced "$@"
	same "standard output" "$dir"/{plain,traced}/out || good=1
	same "exit code" "$dir"/{plain,traced}/status || good=1
	wait_for 5 tree_is_there
	same_tree || good=1
	show out err
	tell "$claim" $good
}
