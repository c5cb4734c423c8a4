// @ts-check
// The throttle's store in Postgres, for those who have no Redis: a store of your own is three methods.

/**
 * @param {{ query(text: string, values: unknown[]): Promise<{ rows: any[] }> }} pool a Pool of pg
 * @returns {import('kpass/http').ThrottleStore}
 */
export function postgresStore(pool) {
  return {
    async reserve(account, { id, digest, name }, { attempts, window, lease }) {
      const { rows } = await pool.query(
        'SELECT kpass_reserve($1, $2, $3, $4, $5, $6, $7) AS answer',
        [account, id, digest, name, attempts, window, lease],
      );
      return rows[0].answer;
    },
    async settle(account, { id, digest, name }, end, { window }) {
      await pool.query('SELECT kpass_settle($1, $2, $3, $4, $5, $6)', [
        account,
        id,
        digest,
        name,
        end,
        window,
      ]);
    },
    async forget(account) {
      await pool.query('DELETE FROM kpass_attempts WHERE account = $1', [account]);
    },
  };
}
