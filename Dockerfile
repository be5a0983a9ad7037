# One image for the API and the worker; docker-compose.yml says which of them it runs.
FROM python:3.13.16-slim-bookworm AS packages

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

RUN python -m venv /packages
ENV PATH=/packages/bin:$PATH
WORKDIR /build
COPY requirements/service.txt requirements/service.txt
RUN pip install --require-hashes --only-binary :all: -r requirements/service.txt
# What it needs is installed above, with hashes; nothing may come in behind their back.
COPY LICENSE LICENSE
COPY sdk/python sdk/python
RUN pip install --no-deps --no-build-isolation ./sdk/python \
 && pip uninstall --yes pip


FROM python:3.13.16-slim-bookworm

# What runs here installs nothing, and writes nothing beside its sources.
ENV PATH=/packages/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1

# A volume that is new takes its owner from the image.
RUN useradd --system --uid 10001 --no-create-home handover \
 && install --directory --owner=handover --group=handover --mode=0700 /data \
 && python -m pip uninstall --yes --root-user-action=ignore pip

COPY --from=packages /packages /packages
WORKDIR /app
COPY worker.py ./
COPY settings settings
COPY workflows workflows
COPY histories histories
COPY activities activities
COPY api api
COPY links links
COPY outgoing outgoing
COPY store store
COPY slack_app slack_app
COPY templates templates
COPY deploy/worker_health.py deploy/env_names.py deploy/
RUN python -m compileall -q .

# By number, so that a cluster which forbids root can see that it isn't.
USER 10001
ENV HANDOVER_ENVIRONMENT=production \
    HANDOVER_DATA_DIR=/data
EXPOSE 8000
CMD ["python", "-m", "uvicorn", "api.main:app", "--http", "api.protocol:Bounded", \
     "--no-proxy-headers", "--host", "0.0.0.0", "--port", "8000"]
