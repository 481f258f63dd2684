/** A shared or embedded video: player, keys, timestamps that seek. No live state. */
import { connectFold } from "./page/fold.js";
import { connectSeeking } from "./page/seek.js";
import { connectKeyboard } from "./player/keyboard.js";
import { Player } from "./player/player.js";

const player = new Player(document.getElementById("player"));
connectKeyboard(player);
connectFold();
connectSeeking(player);
