/**
 * A customer's points, live, and rewards for a tap: all that a small portal needs of the client.
 *
 * @param {import('./client.js').AuraClient} aura
 * @param {(mine: {points: number, tier: string, coupons: any[], postings: any[]}) => void} show
 */
export function openPortal(aura, show) {
  let mine;
  let clinic;
  aura.on('welcome', ({ user }) => {
    // A reconnect says welcome again; the stream goes on by itself.
    if (mine) return;
    const me = user.memberships.find(({ role }) => role === 'customer');
    if (!me) return;
    clinic = me.clinic;
    mine = aura.subscribe({
      clinic,
      topics: ['loyalty_profiles', 'point_transactions', 'customer_coupons'],
      where: { customer_id: me.customer },
    });
    mine.on('change', () => {
      const [profile] = mine.rows('loyalty_profiles');
      show({
        points: profile?.available_points ?? 0,
        tier: profile?.current_tier ?? 'bronze',
        coupons: mine.rows('customer_coupons').filter(({ status }) => status === 'active'),
        postings: mine.rows('point_transactions').toSorted((a, b) => b.created_at - a.created_at),
      });
    });
  });
  return {
    /** What points buy. An offer has a key before the tap: two taps, or a tap without an answer, buy it once. */
    async offers() {
      const { rewards } = await aura.query('rewards', {}, { clinic });
      return rewards.map((reward) => ({ ...reward, key: aura.newKey() }));
    },
    /** Returns the coupon's code; the new balance and the coupon are shown by then. */
    async redeem(offer) {
      const { key } = offer;
      try {
        const { couponCode } = await aura.command('redeemReward', { rewardId: offer.id }, { clinic, key });
        return couponCode;
      } finally {
        // Answered, yes or no: the next tap is another purchase, and asks anew.
        if (offer.key === key) offer.key = aura.newKey();
      }
    },
  };
}
