"""Checks the files of cluster/kubernetes against the published schemas: what Kubernetes itself knows
with kubernetes-validate, and of an MPIJob the operator's own fields, as its definition
(kubeflow.org_mpijobs.yaml, v2beta1) has them, and each of its pods as a pod.
Usage: check_kubernetes.py          checks; prints a line for each
       check_kubernetes.py ROLE     prints the words of the MPIJob's container of that role"""

import sys

import kubernetes_validate
import yaml

FOLDER = "cluster/kubernetes"
# name: type, or names of an object of its own
POLICY = {
    "activeDeadlineSeconds": int, "backoffLimit": int, "cleanPodPolicy": str,
    "schedulingPolicy": dict, "suspend": bool, "ttlSecondsAfterFinished": int,
}
REPLICA = {"replicas": int, "restartPolicy": str, "template": dict}
SPEC = {
    "mpiImplementation": str, "slotsPerWorker": int, "sshAuthMountPath": str, "waitForWorkers": bool,
    "mpiReplicaSpecs": {"Launcher": REPLICA, "Worker": REPLICA}, "runPolicy": POLICY,
}
JOB = {"apiVersion": str, "kind": str, "metadata": dict, "spec": SPEC}


def check(value, shape, path):
    """Every field of `value` is one of `shape` and has its type."""
    if not isinstance(shape, dict):
        assert isinstance(value, shape), f"{path} is no {shape.__name__}"
        return
    assert isinstance(value, dict), f"{path} is no object"
    for name, inner in value.items():
        assert name in shape, f"{path}.{name} is unknown; known are {', '.join(shape)}"
        check(inner, shape[name], f"{path}.{name}")


def validate(document, name):
    version = kubernetes_validate.latest_version()
    kubernetes_validate.validate(document, version, strict=True)
    print(f"ok     {name}: a {document['kind']} of Kubernetes {version}")


def main():
    job = yaml.safe_load(open(f"{FOLDER}/job.yaml"))
    mpi_job = yaml.safe_load(open(f"{FOLDER}/mpijob.yaml"))
    replicas = mpi_job["spec"]["mpiReplicaSpecs"]
    if len(sys.argv) > 1:
        print("\n".join(replicas[sys.argv[1]]["template"]["spec"]["containers"][0]["args"]))
        return
    validate(job, "job.yaml")
    assert mpi_job["apiVersion"] == "kubeflow.org/v2beta1" and mpi_job["kind"] == "MPIJob"
    check(mpi_job, JOB, "mpijob.yaml")
    print("ok     mpijob.yaml: an MPIJob of kubeflow.org/v2beta1")
    for role, replica in replicas.items():
        assert replica["restartPolicy"] in ("Always", "OnFailure", "Never", "ExitCode")
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": role.lower()}}
        pod["spec"] = replica["template"]["spec"] | {"restartPolicy": replica["restartPolicy"]}
        validate(pod, f"mpijob.yaml, {role}")


main()
