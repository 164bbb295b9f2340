# SPDX-License-Identifier: Apache-2.0
# bash completion of autotrace

_autotrace()
{
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	local command=${COMP_WORDS[1]} options i

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W "run show lambda doctor config ebpf-agent --help --version" -- "$word"))
		return
	fi
	case $previous in
	--html | --json | --event | --responses | --socket)
		COMPREPLY=($(compgen -f -- "$word"))
		return
		;;
	--probes)
		COMPREPLY=($(compgen -W "http dns connect tls process all none" -- "$word"))
		return
		;;
	--sampled)
		COMPREPLY=($(compgen -W "0 1 none" -- "$word"))
		return
		;;
	--user)
		COMPREPLY=($(compgen -u -- "$word"))
		return
		;;
	--attributes | --most | --invocations | --timeout | --init-timeout | --memory | --env | --name | --concurrency | \
		--extension | --client-context | --cognito)
		return
		;;
	esac
	case $command in
	run | lambda)
		# behind the program's name, its own completion
		for ((i = 2; i < COMP_CWORD; i++)); do
			case ${COMP_WORDS[i]} in
			--html | --json | --probes | --event | --responses | --sampled | --invocations | --timeout | \
				--init-timeout | --memory | --env | --name | --concurrency | --extension | \
				--client-context | --cognito) ((i++)) ;;
			-*) ;;
			*)
				declare -F _command_offset >/dev/null && _command_offset "$i"
				return
				;;
			esac
		done
		options="--html --json --all-probes --probes --help"
		[ "$command" != run ] || options+=" --stacks --ebpf"
		[ "$command" = run ] || options+=" --event --invocations --freeze --sampled --otlp --timeout --init-timeout
			--memory --env --name --concurrency --snapstart --extension --client-context --cognito --chunked
			--no-keep-alive --responses"
		;;
	show) options="--html --tree --attributes --mask-ports --help" ;;
	ebpf-agent) options="--socket --user --most --help" ;;
	doctor) options="--functions --help" ;;
	config) options="--help" ;;
	*) return ;;
	esac
	if [[ $word == -* ]]; then
		COMPREPLY=($(compgen -W "$options" -- "$word"))
	elif [ "$command" = show ]; then
		COMPREPLY=($(compgen -f -- "$word"))
	else
		COMPREPLY=($(compgen -c -- "$word"))
	fi
}

complete -o filenames -F _autotrace autotrace
