# SPDX-License-Identifier: Apache-2.0
# bash completion of autotrace

_autotrace()
{
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	local command=${COMP_WORDS[1]} options i

	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W "run show doctor --help --version" -- "$word"))
		return
	fi
	case $previous in
	--html | --json)
		COMPREPLY=($(compgen -f -- "$word"))
		return
		;;
	--probes)
		COMPREPLY=($(compgen -W "http dns connect process all none" -- "$word"))
		return
		;;
	--attributes)
		return
		;;
	esac
	case $command in
	run)
		# behind the program's name, its own completion
		for ((i = 2; i < COMP_CWORD; i++)); do
			case ${COMP_WORDS[i]} in
			--html | --json | --probes) ((i++)) ;;
			-*) ;;
			*)
				declare -F _command_offset >/dev/null && _command_offset "$i"
				return
				;;
			esac
		done
		options="--html --json --all-probes --probes --help"
		;;
	show) options="--html --tree --attributes --mask-ports --help" ;;
	doctor) options="--help" ;;
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
