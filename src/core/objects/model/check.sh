#!/bin/sh
# Checks the model of objects: see ../../election/model/check.sh, which does it.
MODEL_FOLDER=$(cd "$(dirname "$0")" && pwd) exec sh "$(dirname "$0")/../../election/model/check.sh" "$@"
