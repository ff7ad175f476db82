// What Redis holds, as somebody who stole its memory would read it.

const READERS = {
  string: async (client, key) => [await client.getBuffer(key)],
  stream: async (client, key) => (await client.xrangeBuffer(key, '-', '+')).flat(2),
  none: async () => [], // its time has ended meanwhile
};

/** Everything in Redis: { key: its name and content, a character for each byte }. */
export async function contentsOfRedis(client) {
  const contents = {};
  for (const key of await client.keys('*')) {
    const type = await client.type(key);
    if (!READERS[type]) throw new Error(`nobody here can read ${key}, a ${type}`);
    const parts = await READERS[type](client, key);
    contents[key] = [Buffer.from(key), ...parts].map((part) => part?.toString('latin1')).join('\n');
  }
  return contents;
}
