#!/bin/sh
# Checks the models of elections and of objects, both with all that they have, or what is named:
#   npm run model                        all but long_*, about an hour
#   npm run model -- ok_gone bug_plus1   some; one alone prints the trace of its counterexample
# Settings and exit status as in election/model/check.sh.
here=$(dirname "$0")
if [ $# -eq 0 ]; then
  sh "$here/election/model/check.sh"
  first=$?
  sh "$here/objects/model/check.sh" || exit
  exit $first
fi
elections='' objects=''
for name in "$@"; do
  if [ -r "$here/objects/model/cfg/${name%.cfg}.cfg" ]; then objects="$objects $name"
  else elections="$elections $name"
  fi
done
status=0
# Names of configurations hold no blanks.
[ -z "$elections" ] || sh "$here/election/model/check.sh" $elections || status=$?
[ -z "$objects" ] || sh "$here/objects/model/check.sh" $objects || status=$?
exit $status
