import type { LiveModel } from '@headgate/contracts/admin/api';
import { live } from '../live.ts';
import { href, navigate, route } from '../router.ts';
import { Picker } from './select.tsx';
import { Empty } from './table.tsx';

/** The model that the address names, else the default one; undefined before the first figures. */
export function modelName(): string | undefined {
  return route.value.params[0] ?? live.value?.default_model;
}

/** What is live of a model. */
export function liveModel(name: string | undefined): LiveModel | undefined {
  return live.value?.models.find(({ model }) => model === name);
}

/** Only where there is a choice. */
export function ModelPicker({ page }: { page: string }) {
  const names = live.value?.models.map(({ model }) => model) ?? [];
  if (names.length < 2) return null;
  return (
    <Picker label="Model" of={names} value={modelName()} onChange={(name) => navigate(href(page, [name]))} />
  );
}

/** For a model that the address names and that is not served. */
export function NoModel({ name }: { name: string }) {
  const names = live.value?.models.map(({ model }) => model).join(', ') ?? '';
  return (
    <Empty>
      No model “{name}” is served. {names !== '' && `Served: ${names}.`}
    </Empty>
  );
}
