import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ClusterNode, NODES, paths } from './layout.ts';

/** Volumes of each node; one that a claim has used is not used again. */
const VOLUMES = 8;
const SIZE = '10Gi';
const CLASS = 'headgate-local';

/** A default StorageClass with folders of the nodes as volumes. Kubernetes has no provisioner of its own. */
export function storageObjects(): object[] {
  const storageClass = {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name: CLASS, annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  };
  return [storageClass, ...NODES.flatMap((node) => indexes().map((index) => volume(node, index)))];
}

/** Creates the folders of a node's volumes. */
export function createVolumeFolders(node: ClusterNode): void {
  for (const index of indexes()) {
    mkdirSync(folder(node, index), { recursive: true });
    // Pods write to it with a user of their own.
    chmodSync(folder(node, index), 0o777);
  }
}

function volume(node: ClusterNode, index: number): object {
  const onNode = { key: 'kubernetes.io/hostname', operator: 'In', values: [node.name] };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `${node.name}-${index}` },
    spec: {
      capacity: { storage: SIZE },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: CLASS,
      local: { path: folder(node, index) },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [onNode] }] } },
    },
  };
}

const indexes = () => Array.from({ length: VOLUMES }, (_, index) => index);
const folder = (node: ClusterNode, index: number) => join(paths.nodeDir(node.name), 'volumes', String(index));
