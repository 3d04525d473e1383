/** What the set-up makes for a development machine, and how it is recognised where it must not be in use. */

/** Names of the authorities that sign the local certificates. */
export const LOCAL_AUTHORITY = { public: 'Headgate local CA', internal: 'Headgate internal CA' } as const;

const DEVELOPMENT_KEYS = ['client', 'bench', 'admin'] as const;
export type DevelopmentKey = (typeof DEVELOPMENT_KEYS)[number];

const ID = new RegExp(`^(${DEVELOPMENT_KEYS.join('|')})[0-9a-f]{8}$`);

export const developmentKeyId = (name: DevelopmentKey, random: Uint8Array): string =>
  `${name}${Buffer.from(random).toString('hex')}`;

/** The id is part of the key itself, so nobody can rename such a key. `headgate keys create` makes ids of hex digits. */
export const isDevelopmentKeyId = (id: string): boolean => ID.test(id);
