#pragma once

#include "dispute/game.h"
#include "market/job_spec.h"

namespace assay::dispute {

/// The cell that a subject of stage cell is about. Requires what terms_of requires.
DisputedCell cell_of(const market::JobSpec& spec, const market::GameSubject& subject);
/// Whether the terms name a cell exactly if they are about one, in a stage that they replay.
bool has_sound_cell(const Terms& terms);

}  // namespace assay::dispute
