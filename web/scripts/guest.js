/** A shared or embedded video: player, keys, timestamps that seek, the videos beside it. No live state. */
import { connectFold } from "./page/fold.js";
import { connectSeeking } from "./page/seek.js";
import { connectKeyboard } from "./player/keyboard.js";
import { connectPlayQueue } from "./player/play-queue.js";
import { Player } from "./player/player.js";
import { takeContinues } from "./player/up-next.js";

const player = new Player(document.getElementById("player"));
if (takeContinues()) player.video.wantsPlay = true;
connectKeyboard(player);
connectFold();
connectSeeking(player);
connectPlayQueue(player);
