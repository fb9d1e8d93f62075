"""The gate at the edge of every rule: the limit passes; one unit more is refused, with limit and actual value.

See specification §8.
"""

import msgspec
import pytest
from tests.support.core_desk import CoreDesk, rows, told

from overmind.core.model.codes import PRECEDENCE, Code
from overmind.core.model.enums import StrategyType
from overmind.core.model.events import SignalRefused
from overmind.core.model.ids import SOL
from overmind.core.model.units import MICROS, NOTIONAL_MAX_MICROS

TABLE = """
given | when | then
# The portfolio's holds.
w1                  | buy eth $300 | w1 $300
w1; hold portfolio disk_full | buy eth $300 | PORTFOLIO_STOPPED running disk_full
w1; hold portfolio b; hold portfolio a | buy eth $300 | PORTFOLIO_STOPPED running a, b
w1; hold portfolio a; lift portfolio a | buy eth $300 | w1 $300
w1; stop            | buy eth $300 | PORTFOLIO_STOPPED running emergency + WALLET_STATUS Active Emergency: emergency @w1
# The wallet's status derives from its holds.
w1; w2; hold w1 emergency              | buy eth $300 | w2 $300
w1; hold w1 operator                   | buy eth $300 | WALLET_STATUS Active Suspended: operator @w1
w1; hold w1 operator; hold w1 day_loss | buy eth $300 | WALLET_STATUS Active Suspended: day_loss, operator @w1
w1; hold w1 b; hold w1 a; lift w1 b    | buy eth $300 | WALLET_STATUS Active Suspended: a @w1
w1; hold w1 a; lift w1 a               | buy eth $300 | w1 $300
w1; remove w1                          | buy eth $300 | WALLET_STATUS Active Inactive: removed @w1
w1 status Maintenance                  | buy eth $300 | WALLET_STATUS Active Maintenance: maintenance @w1
# Of nothing, every share is too much.
 | buy eth $300 | PORTFOLIO_EXPOSURE 100 100000000 + ASSET_CONCENTRATION 100 100000000 \
+ STRATEGY_CONCENTRATION 100 100000000
# The clock: a hold of its own with a code of its own.
w1; hold portfolio clock                     | buy eth $300 | CLOCK_JUMPED a clock that is believed because
w1; deposit w1 1 eth; hold portfolio clock | sell eth 0.5 | w1 0.5 eth
# What the wallet is for.
w1 type Emergency    | buy eth $300        | WALLET_TYPE a type that takes entries Emergency @w1
w1; w2               | buy eth $300 not w1 | w2 $300
w1                   | buy eth $300 not w1 | WALLET_EXCLUDED not excluded excluded by the signal @w1
w1; w2; desk only w2 | buy eth $300        | w2 $300
w1; desk only w2     | buy eth $300        | WALLET_EXCLUDED w2 w1 @w1
# An entry that must be protected takes no public route. Tips of a day that are used up close a route.
w1; w2               | buy eth $300 protected yes | \
NO_PROTECTED_ROUTE a protected route routes of the wallet: public; of the desk: public @w1 \
+ NO_PROTECTED_ROUTE a protected route routes of the wallet: public; of the desk: public @w2
w1 type MEVProtection | buy eth $300 | \
NO_PROTECTED_ROUTE a protected route routes of the wallet: public; of the desk: public @w1
w1 type MEVProtection routes relay | buy eth $300 | \
NO_PROTECTED_ROUTE a protected route routes of the wallet: relay; of the desk: public @w1
w1 type MEVProtection; desk routes public,relay | buy eth $300 | \
NO_PROTECTED_ROUTE a protected route routes of the wallet: public; of the desk: public, relay @w1
w1 type MEVProtection routes public,relay; desk routes public,relay | buy eth $300 | w1 $300
w1 type MEVProtection; w2; desk routes public,relay | buy eth $300 | w2 $300
w1; w2 routes relay,public; desk routes public,relay | buy eth $300 protected yes | w2 $300
w1 routes relay; desk routes public,relay tips 50000 | buy eth $300 | w1 $300
w1 routes relay; desk routes public,relay tips 49999 | buy eth $300 | \
NO_PROTECTED_ROUTE a protected route the tips of this UTC day are used up: relay @w1
w1 routes relay; desk routes public,relay tips 99999; buy eth $300 | buy eth $300 | \
NO_PROTECTED_ROUTE a protected route the tips of this UTC day are used up: relay @w1
w1 routes relay; desk routes public,relay tips 60000; buy eth $300; fill tip 10000 | buy eth $300 | w1 $300
w1 type MEVProtection; desk rules 4 | buy eth $300 | w1 $300
# The strategy, in the wallet and on the whole desk.
w1 share arbitrage:100:9000             | buy eth $300 by arbitrage | w1 $300
w1 share arbitrage:100:9000             | buy eth $300 | STRATEGY_NOT_ENABLED enabled not in the wallet's strategies @w1
w1 share momentum:100:9000:off          | buy eth $300 | STRATEGY_NOT_ENABLED enabled disabled @w1
w1; hold momentum operator              | buy eth $300 | STRATEGY_NOT_ENABLED enabled paused: operator
w1; hold momentum operator              | buy eth $300 by arbitrage | w1 $300
w1; hold momentum b; hold momentum a; lift momentum b | buy eth $300 | STRATEGY_NOT_ENABLED enabled paused: a
w1; hold arbitrage a; lift arbitrage a  | buy eth $300 by arbitrage | w1 $300
# Time: a time to live that has passed is over; the other bounds may be touched.
w1                  | buy eth $300 ttl 1000 waited 999  | w1 $300
w1                  | buy eth $300 ttl 1000 waited 1000 | SIGNAL_STALE 1000 1000
w1                  | buy eth $300 sent -29999          | w1 $300
w1                  | buy eth $300 sent -30000          | SIGNAL_STALE 30000 30000
w1                  | buy eth $300 sent 5000            | w1 $300
w1                  | buy eth $300 sent 5001            | SIGNAL_FROM_FUTURE 5000 5001
w1                  | buy eth $300 waited 5000          | w1 $300
w1                  | buy eth $300 waited 5001          | SELECTION_TIMEOUT 5000 5001
w1; desk timeout 20 | buy eth $300 waited 21            | SELECTION_TIMEOUT 20 21
# Prices: of the token and of SOL, in which the costs are paid.
w1                                       | buy new $300 | PRICE_MISSING a journaled mark new
w1; wait 30000                           | buy eth $300 | w1 $300
w1; wait 30001; mark sol 100             | buy eth $300 | PRICE_STALE 30000 30001
w1; wait 30001; mark eth 2000            | buy eth $300 | PRICE_STALE 30000 30001
w1; wait 30001                           | buy eth $300 | PRICE_STALE 30000 30001 + PRICE_STALE 30000 30001
w1; wait 30001                           | buy sol $300 | PRICE_STALE 30000 30001
w1; mark eth 0; wait 30001; mark sol 100 | buy eth $300 | PRICE_STALE 30000 30001
w1; desk jump 20                         | mark eth 1; buy eth $300 | \
PRICE_UNCONFIRMED a price that is believed eth: $1 is shown, believed is $1,600 to $2,400
# Slippage and impact. An impact of 100 bps is 1/99 of the depth, of 300 bps 3/97.
w1                  | buy eth $300 slip 100          | w1 $300
w1                  | buy eth $300 slip 101          | SLIPPAGE_CEILING 100 101
w1                  | buy eth $300 by meme slip 300  | w1 $300
w1                  | buy eth $300 by meme slip 301  | SLIPPAGE_CEILING 300 301
w1; desk depth 9899 | buy eth $100.999999            | w1 $100.999999
w1; desk depth 9899 | buy eth $101                   | PRICE_IMPACT 100 101
w1; desk depth 9699 | buy eth $300.999999 by meteora | w1 $300.999999
w1; desk depth 9699 | buy eth $301 by meteora        | PRICE_IMPACT 300 301
# The mint and the amount.
w1; mark pepe 1            | buy pepe $300 | MINT_NOT_ADMITTED a listed or admitted token \
pepe: no list has it, and this desk looks at no mint (OVERMIND_ADMISSION is off, or it is on paper)
w1; desk without eth       | buy eth $300  | MINT_NOT_ADMITTED a listed or admitted token \
eth: no list has it, and this desk looks at no mint (OVERMIND_ADMISSION is off, or it is on paper)
w1                         | buy pepe $300 | MINT_NOT_ADMITTED a listed or admitted token \
pepe: no list has it, and this desk looks at no mint (OVERMIND_ADMISSION is off, or it is on paper)
w1; buy eth $300; desk without eth | buy eth $300 | MINT_NOT_ADMITTED a listed or admitted token \
eth: no list has it, and this desk looks at no mint (OVERMIND_ADMISSION is off, or it is on paper)
w1; mark pepe 1            | buy pepe 300  | MINT_NOT_ADMITTED a listed or admitted token \
pepe: no list has it, and this desk looks at no mint (OVERMIND_ADMISSION is off, or it is on paper)
w1; block eth              | buy eth $300  | MINT_BLOCKED not blocked blocked by ann: because
w1; allow btc              | buy eth $300  | MINT_BLOCKED on the allow list not among the 1 that are allowed
w1                         | buy eth $0.000001 | w1 $0.000001
w1                         | buy eth $0    | AMOUNT_OUT_OF_RANGE 1 to 1000000000000000000 micro-USD 0 micro-USD
w1                         | buy eth 0.00000001 | w1 $0.00002
w1                         | buy eth 0.000000009 | AMOUNT_OUT_OF_RANGE 1 to 1000000000000000000 micro-USD 0 micro-USD
w1                         | buy eth 0.15  | w1 $300
# A budget instead of an amount: of the signal's stop or the wallet's, or of what the price moves.
w1                    | buy eth risk$50 stop 5 | w1 $1000
w1 stop 5             | buy eth risk$50        | w1 $1000
w1 stop 5             | buy eth risk$50 stop 2 | w1 $2500
w1                    | buy eth risk$50        | STOP_DISTANCE_UNKNOWN a stop loss none of signal or wallet @w1
w1                    | buy eth risk0.5% stop 5 | w1 $1000
w1                    | buy eth risk$50 stop 5 size volatility \
| VOLATILITY_UNKNOWN 20 price moves, not all of them nothing 0 of eth
w1                    | buy eth risk$0.5 stop 5 | w1 $10
w1                    | buy eth risk$0.499999 stop 5 | SIZE_TOO_SMALL $10 $9.99998 by the risk budget @w1
w1 position 10        | buy eth risk$50 stop 5 | w1 $10
w1 position 9.999999  | buy eth risk$50 stop 5 \
| SIZE_TOO_SMALL $10 $9.999999 by POSITION_SIZE @w1 + POSITION_SIZE 9.999999 10 @w1
# Risk and the day's loss. The largest fee is $0.01, a new token account $0.203928; SOL needs none.
w1 risk 0.5                                              | buy eth $300 tolerance 0.5 | w1 $300
w1 risk 0.5                                              | buy eth $300 tolerance 0.499999 | RISK_LEVEL 0.499999 0.5 @w1
w1 loss 50.01; buy eth $1000; fill; mark eth 1900        | buy eth $1          | w1 $1
w1 loss 50; buy eth $1000; fill; mark eth 1900           | buy eth $1          \
| WALLET_STATUS Active Suspended: day_loss @w1 + DAILY_LOSS 50 50 @w1
w1 loss 50.000001; buy eth $1000; fill; mark eth 1900    | buy eth $1          | DAILY_LOSS_HEADROOM 50.000001 50.01 @w1
w1 loss 50; buy eth $1000; fill; mark eth 1900; sell eth all; fill | buy eth $1 \
| WALLET_STATUS Active Suspended: day_loss @w1 + DAILY_LOSS 50 50 @w1
w1 loss 0                                                | buy eth $1          | DAILY_LOSS 0 0 @w1
# What a stop loss sold is not bought again so soon; another token is.
w1 stop 5; desk cooldown 60000; buy eth $1000; fill; mark eth 1900; exits | buy eth $1 | ASSET_COOLDOWN 60000 0 @w1
w1 stop 5; desk cooldown 9000; buy eth $1000; fill; mark eth 1900; exits; wait 1000; fill; wait 8999 | buy eth $1 \
| ASSET_COOLDOWN 9000 8999 @w1
w1 stop 5; desk cooldown 9000; buy eth $1000; fill; mark eth 1900; exits; wait 1000; fill; wait 9000 | buy eth $1 \
| w1 $1
w1 stop 5; desk cooldown 9000; buy eth $1000; fill; mark eth 1900; exits; fill | buy btc $1 | w1 $1
w1 stop 5; desk cooldown 9000; buy eth $1000; fill; mark eth 1; exits; reject for NOT_CONFIRMED; mark eth 2000 \
| buy eth $1 | w1 $1
w1 loss 50 stop 5                                        | buy sol $999.8      | w1 $999.8
w1 loss 50 stop 5                                        | buy sol $999.800001 | DAILY_LOSS_HEADROOM 50 50.000001 @w1
w1 loss 50 stop 5                                        | buy eth $995.72144  | w1 $995.72144
w1 loss 50 stop 5                                        | buy eth $995.721441 | DAILY_LOSS_HEADROOM 50 50.000001 @w1
w1 loss 50 stop 5; buy sol $500                          | buy sol $499.6      | w1 $499.6
w1 loss 50 stop 5; buy sol $500                          | buy sol $499.600001 | DAILY_LOSS_HEADROOM 50 50.000001 @w1
# What open positions can still lose, from the mark down to their highest stop, counts as lost; gains of the day do not.
w1 loss 50 stop 5; buy sol $500; fill                    | buy sol $499.8      | w1 $499.8
w1 loss 50 stop 5; buy sol $500; fill                    | buy sol $499.800001 | DAILY_LOSS_HEADROOM 50 50.000001 @w1
w1 loss 50 stop 5; buy eth $500; fill; mark eth 1920     | buy sol $499.8      | w1 $499.8
w1 loss 50 stop 5; buy eth $500; fill; mark eth 1920     | buy sol $499.800001 | DAILY_LOSS_HEADROOM 50 50.000001 @w1
w1 loss 50 stop 5; buy eth $500; fill; mark eth 2200     | buy sol $499.8      | w1 $499.8
w1 loss 50 stop 5; buy eth $500; fill; mark eth 2200     | buy sol $499.800001 | DAILY_LOSS_HEADROOM 50 50.000001 @w1
w1 loss 50 stop 5; buy eth $500 trail 2; fill            | buy sol $799.8      | w1 $799.8
w1 loss 50 stop 5; buy eth $500 trail 2; fill            | buy sol $799.800001 | DAILY_LOSS_HEADROOM 50 50.000001 @w1
w1 loss 50 stop 5; buy eth $500 trail 2; fill; mark eth 2010; mark eth 2010 | buy sol $848.8 | w1 $848.8
w1 loss 50 stop 5; buy eth $500 trail 2; fill; mark eth 2010; mark eth 2010 | buy sol $848.800001 \
| DAILY_LOSS_HEADROOM 50 50.000001 @w1
w1 loss 50 stop 5; buy eth $500; fill; w1 stop 2         | buy sol $1999.5     | w1 $1999.5
w1 loss 50 stop 5; buy eth $500; fill; w1 stop 2         | buy sol $1999.500001 | DAILY_LOSS_HEADROOM 50 50.000001 @w1
w1 loss 50 stop 5; buy eth $500; fill; sell eth all; fill | buy sol $999.8      | w1 $999.8
w1 loss 50; buy eth $500; fill                           | buy sol $500 stop 9 | w1 $500
w1 loss 50 stop 5; buy sol $500; fill; desk rules 1      | buy sol $999.8      | w1 $999.8
# Where the wallet has no stop loss, the signal's says what the order may lose; else the wallet's does.
w1 loss 50.213928                                        | buy eth $1000 stop 5 | w1 $1000
w1 loss 50.213927                                        | buy eth $1000 stop 5 \
| DAILY_LOSS_HEADROOM 50.213927 50.213928 @w1
w1 loss 50.213928 stop 5                                 | buy eth $1000 stop 9 | w1 $1000
w1 loss 50.213927 stop 5                                 | buy eth $1000 stop 1 \
| DAILY_LOSS_HEADROOM 50.213927 50.213928 @w1
# Too small, or too dear. The fee is expected at $0.0013, and 40 % of the rent of $0.203928 is never reclaimed.
w1; desk smallest 5                               | buy eth $5        | w1 $5
w1; desk smallest 5                               | buy eth $4.999999 | ORDER_TOO_SMALL 5 4.999999
w1; desk smallest 5; buy eth $5; fill             | sell eth $1       | w1 0.0005 eth
w1; desk smallest 5                               | buy eth risk$50 stop 5  | w1 $1000
w1; desk smallest 20                              | buy eth risk$0.9 stop 5 \
| SIZE_TOO_SMALL $20 $18 by the risk budget @w1
w1; desk dearest 300                              | buy eth $2.78094 | w1 $2.78094
w1; desk dearest 300                              | buy eth $2.780939 | EXPECTED_COST 300 301 @w1
w1; desk dearest 300                              | buy sol $0.043625 | w1 $0.043625
w1; desk dearest 300                              | buy sol $0.043624 | EXPECTED_COST 300 301 @w1
w1; desk dearest 300; buy eth $9; fill            | buy eth $0.05     | w1 $0.05
w1; desk dearest 300; buy eth $9; fill            | sell eth $0.02    | w1 0.00001 eth
w1; desk dearest 30 depth 100000                  | buy eth $250.626566 | w1 $250.626566
w1; desk dearest 30 depth 100000                  | buy eth $250.626567 | EXPECTED_COST 30 31 @w1
w1; desk dearest 30 depth 100000                  | buy eth risk$50 stop 5 | w1 $250.626566
w1; w2; desk dearest 300; buy eth $9 not w1; fill | buy eth $0.05     | w2 $0.05
# Several wallets that may serve it. Only all of a buy can be too much.
w1 position 500; w2 position 400 | buy eth $900 split all | w1 $500 + w2 $400
w1 position 500; w2 position 400 | buy eth $900.000001 split all | SPLIT_ROOM 900 900.000001 + \
POSITION_SIZE 500 900.000001 @w1 + POSITION_SIZE 400 900.000001 @w2
# Counters. What is open counts as traded; what came to nothing does not.
w1 trades 2; buy eth $1; fill                     | buy eth $1 | w1 $1
w1 trades 2; buy eth $1; fill; buy eth $1         | buy eth $1 | TRADES_TODAY 2 3 @w1
w1 trades 2; buy eth $1; fill; sell eth all; fill | buy eth $1 | w1 $1
w1 trades 2; desk rules 2; buy eth $1; fill; sell eth all; fill | buy eth $1 \
| WALLET_STATUS Active Suspended: day_trades @w1 + TRADES_TODAY 2 3 @w1
w1 trades 2; buy eth $1; fill; buy eth $1; fill   | buy eth $1 \
| WALLET_STATUS Active Suspended: day_trades @w1 + TRADES_TODAY 2 3 @w1
w1 trades 1; buy eth $1; fill; lift w1 day_trades | buy eth $1 | TRADES_TODAY 1 2 @w1
w1; w2; desk trades 2; buy eth $1; fill; buy eth $1 | sell eth all | w1 0.0005 eth
w1; w2; desk trades 3; buy eth $1; fill; buy eth $1 | buy eth $1 | w1 $1
w1; w2; desk trades 2; buy eth $1; fill; buy eth $1 | buy eth $1 | PORTFOLIO_TRADES 2 3
w1; w2; desk trades 2; buy eth $1; fill; buy eth $1; expire; expire | buy eth $1 | w1 $1
w1; desk trades 1; buy eth $1; fill | buy eth $1 | PORTFOLIO_STOPPED running day_trades + PORTFOLIO_TRADES 1 2
w1; desk trades 1; buy eth $1; fill; desk trades 0; lift portfolio day_trades | buy eth $1 | w1 $1
w1 trades 1; buy eth $1; fail                     | buy eth $1 | w1 $1
w1 trades 0                                       | buy eth $1 | TRADES_TODAY 0 1 @w1
w1 places 2; buy eth $1; fill                     | buy btc $1 | w1 $1
w1 places 2; buy eth $1; fill; buy sol $1         | buy btc $1 | CONCURRENT_POSITIONS 2 3 @w1
w1 places 2; buy eth $1; fill; buy sol $1         | buy eth $1 | w1 $1
w1 places 2; buy eth $1; fill; buy sol $1         | buy sol $1 | w1 $1
w1 places 1; buy eth $1; fill; sell eth all       | buy btc $1 | CONCURRENT_POSITIONS 1 2 @w1
w1 places 1; buy eth $1; fill; sell eth all; fill | buy btc $1 | w1 $1
w1 places 1; buy eth $1; expire                   | buy btc $1 | w1 $1
# Size after the trade: of the wallet's position, then of the strategy's part in it, at the mark.
w1 position 500                          | buy eth $500 | w1 $500
w1 position 500                          | buy eth $500.000001 | POSITION_SIZE 500 500.000001 @w1
w1 position 500; buy eth $200            | buy eth $300 | w1 $300
w1 position 500; buy eth $200            | buy eth $300.000001 | POSITION_SIZE 500 500.000001 @w1
w1 position 500; buy eth $200            | buy btc $500 | w1 $500
w1 position 500; buy eth $200; fill; mark eth 2200 | buy eth $280 | w1 $280
w1 position 500; buy eth $200; fill; mark eth 2200 | buy eth $280.000001 | POSITION_SIZE 500 500.000001 @w1
w1 position 500; deposit w1 0.1 eth      | buy eth $300.000001 | POSITION_SIZE 500 500.000001 @w1
w1 share momentum:100:500                | buy eth $500 | w1 $500
w1 share momentum:100:500                | buy eth $500.000001 | STRATEGY_POSITION_SIZE 500 500.000001 @w1
w1 share momentum:100:500,arbitrage:100:900; buy eth $900 by arbitrage; fill | buy eth $500 | w1 $500
w1 share momentum:100:50; buy eth $2; fill; buy eth $1 | buy eth $47.000001 | STRATEGY_POSITION_SIZE 50 50.000001 @w1
w1 position 400 share momentum:100:300   | buy eth $500 | POSITION_SIZE 400 500 @w1 + STRATEGY_POSITION_SIZE 300 500 @w1
# The strategy's share of the wallet's equity, what is held for it included.
w1 share momentum:40:9000                                   | buy eth $4000        | w1 $4000
w1 share momentum:40:9000                                   | buy eth $4000.000001 | STRATEGY_SHARE 4000 4000.000001 @w1
w1 share momentum:40:9000; buy eth $300; fill; buy btc $200 | buy sol $3500        | w1 $3500
w1 share momentum:40:9000; buy eth $300; fill; buy btc $200 | buy sol $3500.000001 | STRATEGY_SHARE 4000 4000.000001 @w1
w1 share momentum:40:9000,arbitrage:60:9000; buy eth $4000  | buy eth $5900 by arbitrage | w1 $5900
# Balances. An order needs $100's worth of nothing but quote; its fee, its rent and the wallet's 0.1 SOL stand apart.
w1 usd 100                                       | buy eth $100        | w1 $100
w1 usd 100                                       | buy eth $100.000001 | INSUFFICIENT_QUOTE 100 100.000001 @w1
w1 usd 100; buy eth $60                          | buy eth $40.000001  | INSUFFICIENT_QUOTE 40 40.000001 @w1
w1 usd 100; buy eth $60; reject for NO_LIQUIDITY | buy eth $100        | w1 $100
w1; buy eth $300; fill                           | sell eth 0.15       | w1 0.15 eth
w1; buy eth $300; fill                           | sell eth 0.15000001 | INSUFFICIENT_TOKENS 15000000 15000001
w1                                               | sell eth all        | INSUFFICIENT_TOKENS 0 nothing to sell @w1
w1; deposit w1 1 eth|sell eth 1 scope strategy|INSUFFICIENT_TOKENS 0 nothing to sell @w1 + LOTS_OF_OTHERS 0 100000000
w1 | sell eth all scope source | SOURCE_HOLDS_NOTHING 0 0 + INSUFFICIENT_TOKENS 0 nothing to sell @w1
w1 | sell eth all from bot then short | SHORT_NOT_TRADED long short
w1; buy eth $300 id b  | sell eth 0.1 | INSUFFICIENT_TOKENS 0 nothing to sell @w1 + BUY_IN_FLIGHT no open buy b.0.0
w1 sol 0.1001                                    | buy sol $300        | w1 $300
w1 sol 0.100099999                               | buy sol $300        | INSUFFICIENT_SOL 0.100099999 0.1001 @w1
w1 sol 0.10213928                                | buy eth $300        | w1 $300
w1 sol 0.102139279                               | buy eth $300        | INSUFFICIENT_SOL 0.102139279 0.10213928 @w1
w1 sol 0.10213928; buy eth $300; fill            | buy eth $300        | w1 $300
w1 sol 0.10213928; buy eth $300                  | buy sol $300        | INSUFFICIENT_SOL 0.1 0.1001 @w1
# Exposure: positions and held buys, against quote, positions and float.
w1 exposure 20                                              | buy eth $2000        | w1 $2000
w1 exposure 20                                              | buy eth $2000.000001 | WALLET_EXPOSURE 20 20.0001 @w1
w1 exposure 20; buy eth $1000; fill; buy btc $500           | buy sol $500         | w1 $500
w1 exposure 20; buy eth $1000; fill; buy btc $500           | buy sol $500.000001  | WALLET_EXPOSURE 20 20.0001 @w1
w1; w2; desk exposure 20                                    | buy eth $4000        | w1 $4000
w1; w2; desk exposure 20                                    | buy eth $4000.000001 | PORTFOLIO_EXPOSURE 20 20.0001
w1; w2; desk exposure 20; buy eth $3000; fill; buy btc $500 | buy sol $500.000001  | PORTFOLIO_EXPOSURE 20 20.0001
w1; w2; desk asset 10; buy eth $1500; fill                  | buy eth $500         | w1 $500
w1; w2; desk asset 10; buy eth $1500; fill                  | buy eth $500.000001  | ASSET_CONCENTRATION 10 10.0001
w1; w2; desk asset 10; buy eth $2000                        | buy btc $2000        | w2 $2000
# One strategy in all wallets: its positions and its held buys.
w1; w2; desk strategy 10; buy eth $1500; fill               | buy btc $500         | w2 $500
w1; w2; desk strategy 10; buy eth $1500; fill               | buy btc $500.000001  | STRATEGY_CONCENTRATION 10 10.0001
w1; w2; desk strategy 10; buy eth $1500                     | buy btc $500.000001  | STRATEGY_CONCENTRATION 10 10.0001
w1; w2; desk strategy 10; buy eth $2000                     | buy btc $2000 by arbitrage | w2 $2000
w1; w2; desk strategy 10; buy eth $2000; expire; expire     | buy btc $2000        | w1 $2000
w1; w2; desk strategy 10; buy eth $1000; fill; mark eth 1800 | buy eth $1090       | w1 $1090
w1; w2; desk strategy 10; buy eth $1000; fill; mark eth 1800 | buy eth $1090.000001 | STRATEGY_CONCENTRATION 10 10.0001
w1; w2; desk strategy 10; deposit w1 1 eth                  | buy eth $2200        | w1 $2200
# Different assets in all wallets: what is held and what is about to be.
w1; w2; desk places 2; buy eth $1; fill; buy btc $1 not w1  | buy sol $1           | PORTFOLIO_POSITIONS 2 3
w1; w2; desk places 2; buy eth $1; fill; buy btc $1 not w1  | buy btc $1           | w2 $1
w1; w2; desk places 2; buy eth $1; fill                     | buy btc $1           | w2 $1
w1; w2; desk places 1; buy eth $1; expire; expire           | buy btc $1           | w1 $1
w1; w2; desk places 1; buy eth $1; fill; sell eth all       | buy btc $1           | PORTFOLIO_POSITIONS 1 2
w1; w2; desk places 1; buy eth $1; fill; sell eth all; fill | buy btc $1           | w1 $1
w1; w2; desk places 1; deposit w1 0.00000001 eth; mark eth 0.000001 | buy btc $1   | PORTFOLIO_POSITIONS 1 2
w1; w2; desk places 0; buy eth $1; buy btc $1               | buy sol $1           | w1 $1
# Entries within one second.
w1; desk rate 2; buy eth $1                                     | buy eth $1 | w1 $1
w1; desk rate 2; buy eth $1; buy eth $1                         | buy eth $1 | RATE_LIMIT 2 3 @w1
w1; desk rate 2; buy eth $1; fail; buy eth $1; fail             | buy eth $1 | RATE_LIMIT 2 3 @w1
w1; desk rate 2; buy eth $1; buy eth $1; wait 999               | buy eth $1 | RATE_LIMIT 2 3 @w1
w1; w2; desk rate 1; buy eth $1; wait 500; buy eth $1; wait 499 | buy eth $1 | RATE_LIMIT 1 2 @w1 + RATE_LIMIT 1 2 @w2
w1; w2; desk rate 1; buy eth $1; wait 500; buy eth $1; wait 500 | buy eth $1 | w1 $1
w1; w2; desk rate 1; buy eth $1; buy btc $1                     | buy eth $1 | RATE_LIMIT 1 2 @w1 + RATE_LIMIT 1 2 @w2
w1; desk rate 2; buy eth $1; buy eth $1; wait 1000              | buy eth $1 | w1 $1
"""


@pytest.mark.parametrize(("given", "when", "then"), rows(TABLE))
def test_every_rule_at_its_edge(given: str, when: str, then: str) -> None:
    assert told(CoreDesk(given).play(when)) == then


def test_every_code_is_in_the_table() -> None:
    assert {code for code in Code if code in TABLE} == set(Code)


def test_all_refusals_are_listed_in_order_of_precedence() -> None:
    desk = CoreDesk(
        """
        desk only w2 exposure 0 asset 0 strategy 0 places 1 rate 0 depth 1 smallest 900 dearest 1
        w1 type Emergency usd 0 sol 0 share momentum:0:0:off
        w1 risk 1 loss 0 trades 0 places 0 position 0 exposure 0
        deposit w1 1 btc; hold portfolio a; hold w1 a; hold momentum a; wait 30001; block eth; hold portfolio clock
        """.replace("\n", ";")
    )
    (refused,) = desk.play("buy eth $300 tolerance 0 slip 101 not w1 waited 30000 protected yes")
    assert isinstance(refused, SignalRefused)
    codes = [refusal.code for refusal in refused.refusals]
    for wallet_id in (None, "w1"):  # The wallet can never take it, so it comes last.
        said = [refusal.code for refusal in refused.refusals if refusal.wallet_id == wallet_id]
        assert said == sorted(said, key=PRECEDENCE.__getitem__)
    unreachable_together = {
        Code.SIGNAL_FROM_FUTURE,  # excludes SIGNAL_STALE
        Code.PRICE_MISSING,  # excludes PRICE_STALE
        Code.PRICE_UNCONFIRMED,  # so does this
        Code.MINT_NOT_ADMITTED,  # without a size, no rule of size applies
        Code.AMOUNT_OUT_OF_RANGE,
        Code.DAILY_LOSS_HEADROOM,  # excludes DAILY_LOSS
        Code.ASSET_COOLDOWN,  # only after a stop loss
        Code.INSUFFICIENT_TOKENS,  # only for sales
        Code.SHORT_NOT_TRADED,  # only for sources
        Code.SOURCE_HOLDS_NOTHING,
        Code.LOTS_OF_OTHERS,
        Code.BUY_IN_FLIGHT,
        Code.VOLATILITY_UNKNOWN,  # only for a risk budget
        Code.STOP_DISTANCE_UNKNOWN,
        Code.SIZE_TOO_SMALL,
        Code.PORTFOLIO_TRADES,  # only after a trade
        Code.SPLIT_ROOM,  # only if nothing else is wrong with the signal
    }
    assert set(Code) - set(codes) == unreachable_together


@pytest.mark.parametrize(("given", "when", "then"), rows(TABLE))
def test_refusals_stand_in_the_order_of_precedence(given: str, when: str, then: str) -> None:
    ranks = [PRECEDENCE[Code(told.split()[0])] for told in then.split(" + ") if told.split()[0] in set(Code)]
    assert ranks == sorted(ranks)


@pytest.mark.parametrize("strategy", StrategyType)
def test_meme_strategies_may_slip_300_bps_and_the_others_100(strategy: StrategyType) -> None:
    others = {
        StrategyType.ARBITRAGE,
        StrategyType.MOMENTUM_TRADING,
        StrategyType.AI_DECISION,
    }
    ceiling = 100 if strategy in others else 300
    desk = CoreDesk("w1")
    assert told(desk.play(f"buy eth $300 by {strategy} slip {ceiling}")) == "w1 $300"
    beyond = f"buy eth $300 by {strategy} slip {ceiling + 1}"
    assert told(desk.play(beyond)) == f"SLIPPAGE_CEILING {ceiling} {ceiling + 1}"


def test_without_a_price_of_sol_no_cost_is_known_and_nothing_is_bought() -> None:
    desk = CoreDesk("w1", prices={"eth": 2_000})
    assert told(desk.play("buy eth $300")) == f"PRICE_MISSING a journaled mark {SOL}"


def test_an_absurd_amount_is_refused() -> None:
    desk = CoreDesk(f"w1 usd {2 * NOTIONAL_MAX_MICROS // MICROS}")
    assert "AMOUNT_OUT_OF_RANGE" in told(desk.play(f"buy eth ${NOTIONAL_MAX_MICROS // MICROS}.000001"))
    assert "AMOUNT_OUT_OF_RANGE" not in told(desk.play(f"buy eth ${NOTIONAL_MAX_MICROS // MICROS}"))


# Who leads, and what is the signal's code. w1 could take it, w2 is held and trades another strategy, w3 is an
# Emergency wallet.
LEADS = """
given | when | wallets in order | code
w1 trades 1; buy eth $1; fill | buy eth $1 | w1 w3 w2 | WALLET_STATUS
w1 trades 1; buy eth $1; fill; lift w1 day_trades | buy eth $1 | w1 w3 w2 | TRADES_TODAY
w1 position 5 | buy eth $6 | w1 w3 w2 | POSITION_SIZE
w1 position 5; wait 30001 | buy eth $6 | portfolio w1 w3 w2 | PRICE_STALE
w1; wait 30001 | buy eth $6 | portfolio w3 w2 | PRICE_STALE
w1 | buy eth $6 by meteora | w2 w1 w3 | WALLET_STATUS
w1 | buy eth $6 not w1 | w1 w3 w2 | WALLET_EXCLUDED
"""


@pytest.mark.parametrize(("given", "when", "order", "code"), rows(LEADS))
def test_a_refusal_leads_with_what_would_have_to_change(given: str, when: str, order: str, code: str) -> None:
    desk = CoreDesk(
        "w1 share momentum:100:9000; w2 share meteora:100:9000; w3 type Emergency; hold w2 operator; " + given
    )
    (refused,) = desk.play(when)
    assert isinstance(refused, SignalRefused)
    named = [refusal.wallet_id or "portfolio" for refusal in refused.refusals]
    assert " ".join(dict.fromkeys(named)) == order
    assert refused.refusals[0].code == code


def test_of_many_wallets_those_that_trade_the_strategy_are_listed() -> None:
    others = "; ".join(f"a{number} share meteora:100:9000" for number in range(64))
    (refused,) = CoreDesk(f"{others}; w1 share momentum:100:5").play("buy eth $6")
    assert isinstance(refused, SignalRefused)
    assert (refused.refusals[0].code, refused.refusals[0].wallet_id) == (Code.STRATEGY_POSITION_SIZE, "w1")


def test_the_closest_wallet_is_listed_first_with_all_its_refusals() -> None:
    desk = CoreDesk("w1; hold w1 operator; w2 position 200 sol 0; w3 risk 0.5; w4 sol 0")
    assert told(desk.play("buy eth $300 tolerance 0.4")) == (
        "INSUFFICIENT_SOL 0 0.10213928 @w4"
        " + POSITION_SIZE 200 300 @w2 + INSUFFICIENT_SOL 0 0.10213928 @w2"
        " + RISK_LEVEL 0.4 0.5 @w3"
        " + WALLET_STATUS Active Suspended: operator @w1"
    )


@pytest.mark.parametrize(("wallets", "listed", "unlisted"), [(1, 1, 0), (64, 64, 0), (65, 64, 1), (100, 64, 36)])
@pytest.mark.parametrize("when", ["buy eth $10000", "sell eth all"])
def test_64_wallets_are_listed_and_the_rest_is_counted(wallets: int, listed: int, unlisted: int, when: str) -> None:
    desk = CoreDesk("; ".join(f"w{number}" for number in range(wallets)))
    (refused,) = desk.play(when)
    assert isinstance(refused, SignalRefused)
    assert len({refusal.wallet_id for refusal in refused.refusals if refusal.wallet_id}) == listed
    assert refused.unlisted == unlisted


def test_a_refusal_holds_nothing_and_counts_nothing() -> None:
    desk = CoreDesk("w1 position 500")
    before = msgspec.json.encode(desk.state.ledger)
    desk.play("buy eth $501")
    assert msgspec.json.encode(desk.state.ledger) == before
    assert (desk.state.refused, len(desk.state.open_orders)) == (1, 0)
    assert told(desk.play("buy eth $500")) == "w1 $500"


def test_a_wallet_that_joins_while_everything_is_stopped_is_stopped_as_well() -> None:
    desk = CoreDesk("w1; stop; w2")
    assert told(desk.play("buy eth $300")).startswith("PORTFOLIO_STOPPED running emergency + ")
    desk.play("reactivate w2")
    assert told(desk.play("buy eth $300")) == "w2 $300"
