/** Speaks to a desk with the generated client, and prints what it saw as JSON: `test_clients.py` judges it. */
import process from 'node:process';

const [, , client, url, token, crowdedUrl, large] = process.argv;
const { connect, DeskFault, parsed } = await import(client + '/desk.ts');

async function faultOf(call: Promise<unknown>): Promise<object> {
    try {
        await call;
        return { none: true };
    } catch (fault: any) {
        const typed = fault instanceof DeskFault;
        return { typed, status: fault.status, problem: fault.problem, retryAfter: fault.retryAfter };
    }
}

const desk = connect(url, token);
const buy = { strategy_type: 'TokenSniping', action: 'Buy', symbol: 'SOL' };
const amount = '50.123456';
const decision = await desk.submitSignal({ SignalBody: { ...buy, signal_id: 'ts-1', notional_usd: amount } });
const again = await desk.submitSignal({ SignalBody: { ...buy, signal_id: 'ts-1', notional_usd: amount } });
const refused = await desk.submitSignal({ SignalBody: { ...buy, signal_id: 'ts-2', notional_usd: large } });
const orders = await desk.orders({ signal: 'ts-1' });
const portfolio = await desk.portfolio();
const page = await desk.events({ after: 0, limit: 1000 });
const explained = await desk.signal({ signal_id: 'ts-1' });

const seen = {
    decision,
    again: again.status,
    refused,
    order: orders[0],
    value: portfolio.total_value_usd,
    events: page.events.map((one: any) => one.event.type),
    at: typeof page.events[0].at_ns,
    explained: explained.signal_id,
    large: String(parsed('{"units": 123456789012345678901}').units),
    bad: await faultOf(desk.submitSignal({ SignalBody: { ...buy, signal_id: 'ts-3', notional_usd: '-1' } })),
    stranger: await faultOf(connect(url, 'wrong').portfolio()),
    unknown: await faultOf(desk.signal({ signal_id: 'never-seen' })),
    crowded: await faultOf(connect(crowdedUrl, token).portfolio()),
};
console.log(JSON.stringify(seen, (_key, value) => (typeof value === 'bigint' ? String(value) : value)));
