/** The names of the player's buttons, in the language of the page. Imported before the buttons are defined. */
import { addTranslation, setLanguage } from "media-chrome/dist/utils/i18n.js";
import { language } from "../page/texts.js";

const { player } = globalThis.streamtimeTexts ?? {};
if (player) addTranslation(language, player);
setLanguage(language);
