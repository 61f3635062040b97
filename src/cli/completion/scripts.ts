/**
 * What a shell sources. Each script hands the words before the cursor to `aisctl __complete` and
 * shows its candidates; a candidate that ends in "/" or "=" goes on without a space.
 */

export type Shell = 'bash' | 'zsh' | 'fish'

export const SHELLS: readonly Shell[] = ['bash', 'zsh', 'fish']

// bash splits words at ":" and "=", too: only what follows the last of them is replaced.
const BASH = `# aisctl completion for bash. Use it: source <(aisctl completion bash)
_aisctl() {
  local line=\${COMP_LINE:0:COMP_POINT} word typed cut
  local -a words found
  read -ra words <<< "$line"
  [[ $line == *' ' ]] && words+=('')
  typed=\${words[-1]}
  cut=\${typed%"\${typed##*[:=]}"}
  COMPREPLY=()
  mapfile -t found < <(aisctl __complete "\${words[@]:1}" 2>/dev/null)
  if [[ \${found[0]} == :files ]]; then
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "$typed")
    return
  fi
  for word in "\${found[@]}"; do
    word=\${word%%$'\\t'*}
    [[ $word == *[/=] ]] && compopt -o nospace
    COMPREPLY+=("\${word#"$cut"}")
  done
}
complete -F _aisctl aisctl
`

const ZSH = `#compdef aisctl
# aisctl completion for zsh. Use it: source <(aisctl completion zsh)
_aisctl() {
  local -a found plain open plain_text open_text
  local line word text
  found=("\${(@f)$(aisctl __complete "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ $found[1] == :files ]]; then
    _files
    return
  fi
  for line in $found; do
    word=\${line%%$'\\t'*}
    text="$word  \${line#*$'\\t'}"
    if [[ $word == *[/=] ]]; then
      open+=("$word"); open_text+=("$text")
    elif [[ -n $word ]]; then
      plain+=("$word"); plain_text+=("$text")
    fi
  done
  compadd -l -d plain_text -a plain
  compadd -l -S '' -d open_text -a open
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _aisctl aisctl
`

const FISH = `# aisctl completion for fish. Use it: aisctl completion fish | source
function __aisctl_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found (aisctl __complete $words[2..-1] 2>/dev/null)
  if test "$found[1]" = :files
    __fish_complete_path (commandline -ct)
  else
    printf '%s\\n' $found
  end
end
complete -c aisctl -f -a '(__aisctl_complete)'
`

const SCRIPTS: Readonly<Record<Shell, string>> = {bash: BASH, zsh: ZSH, fish: FISH}

export function completionScript(shell: Shell): string {
  return SCRIPTS[shell]
}
