#!/bin/sh
# Installs into the new virtual environment $1 what answering over HTTP needs, from the repository's root. No torch, no Ray,
# no readers of files and feeds; without what the packages bring for their own tests and for compilers.
set -eu
app=$1
"${PYTHON:-python3}" -m venv "$app"
"$app/bin/pip" install --quiet --no-cache-dir --no-compile --constraint constraints.txt --requirement service/requirements.txt
"$app/bin/pip" install --quiet --no-cache-dir --no-compile --constraint constraints.txt hatchling
"$app/bin/pip" install --quiet --no-cache-dir --no-compile --no-deps --no-build-isolation .
"$app/bin/pip" uninstall --quiet --yes hatchling pathspec pluggy trove-classifiers setuptools pip 2>/dev/null
for packages in "$app"/lib/python*/site-packages; do
  find "$packages" -depth -type d \( -name tests -o -name include -o -name __pycache__ \) -exec rm -rf {} +
  rm -f "$packages"/pyarrow/libarrow_flight* "$packages"/pyarrow/libarrow_s3.so*
  rm -f "$packages"/pyarrow/_flight* "$packages"/pyarrow/libarrow_python_flight*
done
