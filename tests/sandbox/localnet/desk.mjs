// An ordinary JavaScript client's day on the localnet: nothing here knows that the node is not a real one.
// node desk.mjs <module directory> <url> <mint>; prints one JSON object.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import path from "node:path";

const [modules, url, mint] = process.argv.slice(2);
const web3 = createRequire(path.join(modules, "package.json"))("@solana/web3.js");
const { Connection, Keypair, LAMPORTS_PER_SOL, PublicKey, SystemProgram, Transaction, TransactionMessage } = web3;

const TOKEN = new PublicKey("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
const connection = new Connection(url, "confirmed");
const [alice, bob] = [Keypair.generate(), Keypair.generate()];
const report = {};

async function confirmed(signature) {
  const latest = await connection.getLatestBlockhash();
  const { value } = await connection.confirmTransaction({ signature, ...latest }, "confirmed");
  return value.err;
}

const heard = { slots: 0, balances: [], logs: [] };
const slotWatch = connection.onSlotChange(() => (heard.slots += 1));
const bobWatch = connection.onAccountChange(bob.publicKey, (account) => heard.balances.push(account.lamports), {
  commitment: "confirmed",
});
const logsWatch = connection.onLogs(bob.publicKey, ({ signature }) => heard.logs.push(signature), "confirmed");
await connection.getVersion();

// Airdrop, confirmed by WebSocket.
assert.equal(await confirmed(await connection.requestAirdrop(alice.publicKey, 5 * LAMPORTS_PER_SOL)), null);
assert.equal(await connection.getBalance(alice.publicKey), 5 * LAMPORTS_PER_SOL);

// A legacy transfer.
const move = (lamports) =>
  SystemProgram.transfer({ fromPubkey: alice.publicKey, toPubkey: bob.publicKey, lamports });
const first = await web3.sendAndConfirmTransaction(connection, new Transaction().add(move(LAMPORTS_PER_SOL)), [alice]);
assert.equal(await connection.getBalance(bob.publicKey), LAMPORTS_PER_SOL);

// A versioned one, simulated first.
const { blockhash } = await connection.getLatestBlockhash();
const message = new TransactionMessage({
  payerKey: alice.publicKey,
  recentBlockhash: blockhash,
  instructions: [move(7)],
}).compileToV0Message();
const versioned = new web3.VersionedTransaction(message);
report.fee = (await connection.getFeeForMessage(message)).value;
const simulated = await connection.simulateTransaction(versioned);
assert.equal(simulated.value.err, null);
versioned.sign([alice]);
const second = await connection.sendTransaction(versioned);
assert.equal(await confirmed(second), null);

// What became of them.
const parsed = await connection.getParsedTransaction(second, { maxSupportedTransactionVersion: 0 });
assert.equal(parsed.version, 0);
assert.deepEqual(parsed.transaction.message.instructions[0].parsed.info, {
  source: alice.publicKey.toBase58(),
  destination: bob.publicKey.toBase58(),
  lamports: 7,
});
report.paid = parsed.meta.preBalances[0] - parsed.meta.postBalances[0];
const plain = await connection.getTransaction(first, { maxSupportedTransactionVersion: 0 });
assert.equal(plain.meta.err, null);
const list = await connection.getSignaturesForAddress(bob.publicKey, { limit: 10 });
assert.deepEqual(list.map((one) => one.signature), [second, first]);
const { value: statuses } = await connection.getSignatureStatuses([first, second]);
assert.ok(statuses.every((one) => one.err === null && one.confirmationStatus !== "processed"));

// Tokens.
const minted = await connection._rpcRequest("overmind_mintTo", [
  { mint, owner: alice.publicKey.toBase58(), amount: 1_500_000 },
]);
assert.equal(await confirmed(minted.result), null);
const owned = await connection.getParsedTokenAccountsByOwner(alice.publicKey, { programId: TOKEN });
report.tokens = owned.value.map((one) => one.account.data.parsed.info.tokenAmount);
const holding = owned.value[0].pubkey;
assert.equal((await connection.getTokenAccountBalance(holding)).value.uiAmountString, "1.5");
assert.equal((await connection.getTokenSupply(new PublicKey(mint))).value.amount, "1500000");
const raw = await connection.getTokenAccountsByOwner(alice.publicKey, { mint: new PublicKey(mint) });
assert.equal(raw.value[0].account.data.length, 165);
const all = await connection.getProgramAccounts(TOKEN, {
  filters: [{ dataSize: 165 }, { memcmp: { offset: 32, bytes: alice.publicKey.toBase58() } }],
});
assert.deepEqual(all.map((one) => one.pubkey.toBase58()), [holding.toBase58()]);
const mintedShown = await connection.getParsedTransaction(minted.result, { maxSupportedTransactionVersion: 0 });
report.minted = mintedShown.meta.postTokenBalances;

// Refusals, as the library understands them.
const tooMuch = new Transaction().add(move(100 * LAMPORTS_PER_SOL));
await assert.rejects(web3.sendAndConfirmTransaction(connection, tooMuch, [alice]), (error) => {
  report.refusal = error.transactionMessage ?? error.message;
  report.logs = error.transactionLogs ?? error.logs;
  return error instanceof web3.SendTransactionError;
});
const unknown = Keypair.generate().publicKey;
assert.equal(await connection.getAccountInfo(unknown), null);
await assert.rejects(connection.getTokenAccountBalance(unknown), /could not find account/);

// The cluster.
report.genesis = await connection.getGenesisHash();
const epoch = await connection.getEpochInfo();
assert.notEqual(epoch.absoluteSlot, epoch.blockHeight);
assert.ok((await connection.getBlockHeight("finalized")) < epoch.blockHeight);
assert.ok(await connection.isBlockhashValid(blockhash));
const block = await connection.getBlock(parsed.slot, { maxSupportedTransactionVersion: 0 });
assert.ok(block.transactions.some((one) => one.transaction.signatures[0] === second));
assert.ok(Array.isArray(await connection.getRecentPrioritizationFees()));
assert.equal(await connection.getMinimumBalanceForRentExemption(165), 2_039_280);
await connection.getEpochSchedule();
await connection.getClusterNodes();
await connection.getVoteAccounts();
await connection.getSupply();
await connection.getSlot("finalized");
await connection.getBlockTime(parsed.slot);
await connection.getFirstAvailableBlock();
await connection.getRecentPerformanceSamples(1);
await connection.getTokenLargestAccounts(new PublicKey(mint));

for (let waited = 0; heard.balances.length < 2 && waited < 30_000; waited += 20) {
  await new Promise((resolve) => setTimeout(resolve, 20));
}
await connection.removeSlotChangeListener(slotWatch);
await connection.removeAccountChangeListener(bobWatch);
await connection.removeOnLogsListener(logsWatch);
assert.ok(heard.slots > 0);
report.balances = heard.balances;
report.logged = heard.logs.length;
console.log(JSON.stringify(report));
process.exit(0);
